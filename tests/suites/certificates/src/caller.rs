//! A caller that behaves like an API server towards its webhooks: HTTP/1.1, persistent connections, and a new transport for
//! each bundle, which it gets with a lag.

use crate::api::{ApiStore, names};
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

/// The timeout of a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The most calls over one connection. An API server opens a new connection whenever none is idle.
const MAX_CALLS: u32 = 60;

/// About as large as a small admission review.
const BODY: Bytes = Bytes::from_static(&[b' '; 2048]);

/// The current transport, replaced at every change of the bundle.
pub type Transport = watch::Receiver<Option<Arc<ClientConfig>>>;

/// A caller with one persistent connection.
pub struct WebhookCaller {
    transport: Transport,
    replicas: Arc<[SocketAddr]>,
    connection: Option<SendRequest<Full<Bytes>>>,
    calls_left: u32,
}

/// Makes a new transport for each bundle, with the lag that `lag` returns.
pub fn transport(api: &ApiStore, mut lag: impl FnMut() -> Duration + Send + 'static) -> Transport {
    let (sender, transport) = watch::channel(None);
    let mut bundles = api.watch();
    tokio::spawn(async move {
        let mut last = Instant::now();
        while let Some(bundle) = bundles.recv().await {
            // Keep the order of the bundles.
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

// === impl WebhookCaller ===

impl WebhookCaller {
    pub fn new(transport: Transport, replicas: Arc<[SocketAddr]>) -> Self {
        Self { transport, replicas, connection: None, calls_left: 0 }
    }

    /// Sends one request, over the persistent connection if it is open.
    pub async fn call(&mut self, random: &mut fastrand::Rng) -> Result<()> {
        let called = timeout(CALL_TIMEOUT, self.try_call(random)).await.context("no response in time");
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
            self.calls_left = random.u32(1..=MAX_CALLS);
        }
        self.calls_left -= 1;
        let connection = self.connection.as_mut().context("no connection")?;
        connection.ready().await?;
        let request =
            Request::post("/validate/storage").header("host", &*names()[0]).body(Full::new(BODY))?;
        let response = connection.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status != StatusCode::OK || body != BODY {
            bail!("{status}");
        }
        Ok(())
    }

    /// Connects to a random replica, as through a Service.
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
