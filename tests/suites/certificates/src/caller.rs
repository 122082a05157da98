//! A caller that behaves as an API server does towards its webhooks: HTTP/1.1, connections that are kept, and a transport
//! of its own for each bundle, of which it learns late.

use crate::api::{Api, names};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use ordinance_certs::Bundle;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls after which a connection is given up at most; an API server dials whenever none is idle.
const CALLS: u32 = 60;

/// About the size of a small review.
const BODY: Bytes = Bytes::from_static(&[b' '; 2048]);

/// One transport at a time, replaced at every change of the bundle.
pub type Transport = watch::Receiver<Option<Arc<ClientConfig>>>;

/// A place for one connection that is kept.
pub struct Caller {
    transport: Transport,
    replicas: Arc<[SocketAddr]>,
    connection: Option<SendRequest<Full<Bytes>>>,
    calls_left: u32,
}

/// Makes a new transport for each bundle, each heard of as late as `lag` says.
pub fn transport(api: &Api, mut lag: impl FnMut() -> Duration + Send + 'static) -> Transport {
    let (sender, transport) = watch::channel(None);
    let mut bundles = api.listen();
    tokio::spawn(async move {
        let mut last = Instant::now();
        while let Some(bundle) = bundles.recv().await {
            // In the order in which they came.
            last = last.max(Instant::now() + lag());
            sleep_until(last).await;
            if sender.send(config(&bundle).map(Arc::new)).is_err() {
                return;
            }
        }
    });
    transport
}

fn config(bundle: &Bundle) -> Option<ClientConfig> {
    if bundle.is_empty() {
        return None;
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(bundle.certificates().iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(builder.with_root_certificates(roots).with_no_client_auth())
}

// === impl Caller ===

impl Caller {
    pub fn new(transport: Transport, replicas: Arc<[SocketAddr]>) -> Self {
        Self { transport, replicas, connection: None, calls_left: 0 }
    }

    /// One request, on a connection that is kept if there is one.
    pub async fn call(&mut self, random: &mut fastrand::Rng) -> Result<()> {
        let called = timeout(PATIENCE, self.try_call(random)).await.context("no answer in time");
        let called = called.flatten();
        if called.is_err() {
            self.connection = None;
        }
        called
    }

    async fn try_call(&mut self, random: &mut fastrand::Rng) -> Result<()> {
        if self.transport.has_changed()? || self.calls_left == 0 {
            self.connection = None;
        }
        if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
            self.connection = Some(self.dial(random).await?);
            self.calls_left = random.u32(1..=CALLS);
        }
        self.calls_left -= 1;
        let connection = self.connection.as_mut().context("no connection")?;
        connection.ready().await?;
        let request =
            Request::post("/validate/storage").header("host", &*names()[0]).body(Full::new(BODY))?;
        let answer = connection.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status != StatusCode::OK || body != BODY {
            bail!("{status}");
        }
        Ok(())
    }

    /// A connection to any replica, as a Service gives it.
    async fn dial(&mut self, random: &mut fastrand::Rng) -> Result<SendRequest<Full<Bytes>>> {
        let config = self.transport.borrow_and_update().clone().context("no bundle yet")?;
        let replica = self.replicas[random.usize(..self.replicas.len())];
        let name = ServerName::try_from(names()[0].clone())?;
        let stream = TcpStream::connect(replica).await?;
        stream.set_nodelay(true)?;
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
