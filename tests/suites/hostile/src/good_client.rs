//! A client that behaves like the API server, or like a kubelet.

use crate::host::HostProcess;
use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long a client waits: the default timeout of a webhook.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A StatefulSet of 6.3 KiB, which gets a patch.
pub(crate) const REVIEW: &[u8] =
    include_bytes!("../../../data/reviews/019-mutate-create-statefulsets-shop.json");

/// Opens a TCP connection from the loopback address `127.0.0.<last>`.
pub(crate) async fn connect_from(last: u8, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, last], 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Performs the handshake of a client that trusts the host.
pub(crate) async fn handshake(host: &HostProcess, socket: TcpStream) -> Result<TlsStream<TcpStream>> {
    let name = ServerName::from(host.https().ip());
    Ok(TlsConnector::from(Arc::clone(&host.tls)).connect(name, socket).await?)
}

/// A client that keeps its connection.
pub(crate) struct Keeping {
    sender: SendRequest<Full<Bytes>>,
    connection: JoinHandle<hyper::Result<()>>,
}

// === impl Keeping ===

impl Keeping {
    pub(crate) async fn connect(host: &HostProcess) -> Result<Self> {
        let stream = handshake(host, connect_from(1, host.https()).await?).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection: tokio::spawn(connection) })
    }

    /// Sends a review that is answered by a review.
    pub(crate) async fn review(&mut self, body: Bytes) -> Result<()> {
        let (status, _) = self.post("/mutate/storage?timeout=10s", body).await?;
        ensure!(status == 200, "the host answered {status}");
        Ok(())
    }

    async fn post(&mut self, path: &str, body: Bytes) -> Result<(u16, Bytes)> {
        let request = Request::post(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let response = timeout(PATIENCE, self.sender.send_request(request)).await??;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Sends a review on a new connection, and returns how long the connection and the answer took.
pub(crate) async fn review(host: &HostProcess) -> Result<Duration> {
    let start = Instant::now();
    timeout(PATIENCE, async {
        Keeping::connect(host).await?.review(Bytes::from_static(REVIEW)).await?;
        Ok(start.elapsed())
    })
    .await?
}

/// Posts a body on a new connection, and returns the status and the body of the answer.
pub(crate) async fn post(host: &HostProcess, path: &str, body: impl Into<Bytes>) -> Result<(u16, Bytes)> {
    timeout(PATIENCE, async { Keeping::connect(host).await?.post(path, body.into()).await }).await?
}

/// Probes the host once, and returns how long the answer took.
pub(crate) async fn probe(host: &HostProcess) -> Result<Duration> {
    let start = Instant::now();
    get(host.admin(), "/livez").await?;
    Ok(start.elapsed())
}

/// Returns the value of a metric; 0 without such a series.
pub(crate) async fn metric(host: &HostProcess, series: &str) -> Result<f64> {
    let metrics = get(host.metrics(), "/metrics").await?;
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    Ok(value.unwrap_or_default())
}

/// Returns a page in plain HTTP, with its head.
async fn get(from: SocketAddr, path: &str) -> Result<String> {
    timeout(PATIENCE, async {
        let mut socket = connect_from(1, from).await?;
        socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "the host answered {answer:?}");
        Ok(answer)
    })
    .await?
}
