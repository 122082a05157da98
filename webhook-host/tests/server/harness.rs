//! A server on a free port, and clients that control each byte that they send.

use ordinance::judge::Judge;
use ordinance::limits::Limits;
use ordinance::metrics::Metrics;
use ordinance::server::{Callers, PolicyRoute, Readiness, Routes, Stopper, WebhookServer, stop};
use ordinance_certs::{AcceptedPaths, Authority, CertificateResolver, Lifetime, server_config};
use ordinance_contract::{Finding, Request, Severity, Verdict};
use ordinance_engine::{Execution, Failure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The uid of [`review`].
pub const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

/// A policy made of a function.
pub struct Policy<F> {
    execution: Execution,
    judge: F,
}

/// A running server.
pub struct Host {
    pub address: SocketAddr,
    pub callers: Callers,
    pub metrics: Arc<Metrics>,
    pub readiness: Readiness,
    pub routes: Routes,
    pub stopper: Stopper,
    pub running: JoinHandle<io::Result<()>>,
    connector: TlsConnector,
}

/// One connection to the server.
pub struct Client {
    stream: TlsStream<TcpStream>,
    unread: Vec<u8>,
}

/// A response as received.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

// === impl Policy ===

impl<F> Policy<F>
where
    F: Fn(&Request<'_>, Instant) -> Result<Verdict, Failure> + Send + Sync + 'static,
{
    /// Returns a policy that runs in the connection's task.
    pub fn inline(judge: F) -> Arc<dyn Judge> {
        Arc::new(Self { execution: Execution::Inline, judge })
    }

    /// Returns a policy that runs on the pool.
    pub fn pool(judge: F) -> Arc<dyn Judge> {
        Arc::new(Self { execution: Execution::ThreadPool, judge })
    }
}

impl<F> Judge for Policy<F>
where
    F: Fn(&Request<'_>, Instant) -> Result<Verdict, Failure> + Send + Sync,
{
    fn judge(&self, request: &Request<'_>, deadline: Instant) -> Result<Verdict, Failure> {
        (self.judge)(request, deadline)
    }

    fn execution(&self) -> Execution {
        self.execution
    }
}

/// Returns a policy that allows everything.
pub fn allow() -> Arc<dyn Judge> {
    Policy::inline(|_, _| Ok(Verdict::allow()))
}

/// Returns a finding of the rule `a-rule` on the whole object.
pub fn finding(severity: Severity, fact: &str) -> Finding {
    Finding::new("a-rule", severity, fact)
}

// === impl Host ===

impl Host {
    /// Serves one policy, `test`.
    pub async fn start(limits: Limits, judge: Arc<dyn Judge>) -> Self {
        Self::with(limits, |metrics| vec![PolicyRoute::new("test", judge, metrics)]).await
    }

    /// Serves these policies.
    pub async fn with(limits: Limits, routes: impl FnOnce(&Metrics) -> Vec<PolicyRoute>) -> Self {
        let (tls, connector) = tls();
        let metrics = Arc::new(Metrics::new());
        let routes = Routes::new(routes(&metrics));
        let readiness = Readiness::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stopper, stop) = stop();
        let callers = Callers::new(false, metrics.connections.callers_unverified.clone());
        callers.accept(AcceptedPaths::anyone());
        let server = WebhookServer {
            recorder: None,
            callers: callers.clone(),
            tls,
            routes: routes.clone(),
            limits: Arc::new(limits),
            metrics: Arc::clone(&metrics),
            readiness: readiness.clone(),
        };
        readiness.ready();
        let running = tokio::spawn(server.run(listener, stop));
        Self { address, callers, metrics, readiness, routes, stopper, running, connector }
    }

    /// Opens a connection and completes its handshake.
    pub async fn connect(&self) -> Client {
        self.try_connect().await.unwrap()
    }

    pub async fn try_connect(&self) -> io::Result<Client> {
        self.handshake(TcpStream::connect(self.address).await?).await
    }

    /// Opens a connection from this loopback address and completes its handshake.
    pub async fn connect_from(&self, from: Ipv4Addr) -> Client {
        self.handshake(socket_from(from, self.address).await).await.unwrap()
    }

    async fn handshake(&self, socket: TcpStream) -> io::Result<Client> {
        socket.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        Ok(Client { stream: self.connector.connect(name, socket).await?, unread: Vec::new() })
    }

    /// Sends one POST on a connection of its own, and returns the reply.
    pub async fn post(&self, path: &str, body: &str) -> Reply {
        let mut client = self.connect().await;
        client.post(path, body).await
    }

    /// Returns the value of a series, by the text in front of it.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let text = self.metrics.text();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(value.parse().unwrap())
    }
}

/// Opens a TCP connection from this loopback address.
pub async fn socket_from(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Returns whether the server has closed a connection.
pub fn is_closed(socket: &TcpStream) -> bool {
    let read = socket.try_read(&mut [0; 64]);
    !matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Waits until the server has closed a connection on which it sends nothing.
pub async fn closed(socket: &TcpStream) {
    while !is_closed(socket) {
        let _ = timeout(Duration::from_millis(5), socket.readable()).await;
    }
}

/// Returns the TLS configuration of the server, and a connector that trusts it.
fn tls() -> (Arc<rustls::ServerConfig>, TlsConnector) {
    let now = SystemTime::now();
    let authority = Authority::new(&["localhost".to_owned()], now, Lifetime::days(1)).unwrap();
    let served = CertificateResolver::new(authority.issue(now, Lifetime::days(1)).unwrap());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server_config(Arc::new(served), None).unwrap()), Arc::new(client).into())
}

// === impl Client ===

impl Client {
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    pub async fn post(&mut self, path: &str, body: &str) -> Reply {
        self.send(head(path, body.len()) + body).await;
        self.reply().await
    }

    /// Returns the next response.
    pub async fn reply(&mut self) -> Reply {
        self.try_reply().await.unwrap()
    }

    pub async fn try_reply(&mut self) -> io::Result<Reply> {
        let end = self.until(|bytes| bytes.windows(4).position(|four| four == b"\r\n\r\n")).await?;
        let head = String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
        let mut reply = Reply::from_head(&head);
        let length = reply.field("content-length").map_or(0, |length| length.parse().unwrap());
        self.until(|bytes| (bytes.len() >= length).then_some(length)).await?;
        reply.body = String::from_utf8(self.unread.drain(..length).collect()).unwrap();
        Ok(reply)
    }

    /// Reads until the function returns a value.
    async fn until(&mut self, find: impl Fn(&[u8]) -> Option<usize>) -> io::Result<usize> {
        loop {
            if let Some(found) = find(&self.unread) {
                return Ok(found);
            }
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Waits until the server closes the connection, and returns what it sent before.
    pub async fn closed(&mut self) -> String {
        // A reset closes the connection too.
        let _ = self.stream.read_to_end(&mut self.unread).await;
        String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned()
    }

    /// Closes the sending side.
    pub async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }
}

// === impl Reply ===

impl Reply {
    fn from_head(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { status, fields, body: String::new() }
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Returns the field `response` of the AdmissionReview.
    pub fn response(&self) -> Value {
        assert_eq!((self.status, self.field("content-type")), (200, Some("application/json")), "{self:?}");
        let mut review: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(review["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(review["kind"], "AdmissionReview");
        review["response"].take()
    }

    pub fn is_last(&self) -> bool {
        self.field("connection") == Some("close")
    }
}

/// Returns the head of a POST with a body of this length.
pub fn head(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// Returns a whole request with a review of this object.
pub fn request(object: &str) -> String {
    let review = review(object);
    head("/mutate/test", review.len()) + &review
}

/// Returns a review of this object with the uid [`UID`].
pub fn review(object: &str) -> String {
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"{UID}","kind":{{"group":"apps","version":"v1","kind":"StatefulSet"}},"resource":{{"group":"apps","version":"v1","resource":"statefulsets"}},"name":"web","namespace":"default","operation":"CREATE","userInfo":{{"username":"admin"}},"object":{object},"oldObject":null,"dryRun":false}}}}"#
    )
}
