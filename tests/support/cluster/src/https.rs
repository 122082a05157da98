//! A small HTTPS server for webhooks and proxies of the tests.

use crate::authority::IssuedPair;
use anyhow::{Context, Error, Result};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A listener that answers whole requests. Dropping it closes its connections too.
#[derive(Debug)]
pub struct Https {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// Answers requests.
pub trait Respond: Send + Sync + 'static {
    /// Returns the response. On an error the server closes the connection without a response.
    fn respond(&self, request: Request<Bytes>) -> impl Future<Output = Result<Response<Bytes>>> + Send;
}

// === impl Https ===

impl Https {
    /// Listens on an address with a certificate.
    ///
    /// # Errors
    ///
    /// Returns an error if it can't listen there, or if the certificate is invalid.
    pub async fn bind(address: SocketAddr, pair: &IssuedPair, service: impl Respond) -> Result<Self> {
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("can't listen on {address}"))?;
        let (address, acceptor) = (listener.local_addr()?, TlsAcceptor::from(Arc::new(config(pair)?)));
        Ok(Self { address, task: tokio::spawn(accept(listener, acceptor, Arc::new(service))) })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Https {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn config(pair: &IssuedPair) -> Result<ServerConfig> {
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_no_client_auth().with_single_cert(vec![certificate], key)?)
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, service: Arc<impl Respond>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, acceptor.clone(), Arc::clone(&service)));
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, service: Arc<impl Respond>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service =
        service_fn(async |request| Ok::<_, Error>(buffered(request, &*service).await?.map(Full::new)));
    // A client may close the connection at any time.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn buffered(request: Request<Incoming>, service: &impl Respond) -> Result<Response<Bytes>> {
    let (head, body) = request.into_parts();
    service.respond(Request::from_parts(head, body.collect().await?.to_bytes())).await
}
