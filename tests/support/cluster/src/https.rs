//! A small HTTPS server, for what stands beside Ordinance or in front of it.

use crate::authority::PemPair;
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

/// A listener that answers whole requests. It ends with this value, and so do its connections.
#[derive(Debug)]
pub struct Https {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// Gives the answer to a request.
pub trait Answer: Send + Sync + 'static {
    /// The answer; at an error the connection is closed without one.
    fn answer(&self, request: Request<Bytes>) -> impl Future<Output = Result<Response<Bytes>>> + Send;
}

// === impl Https ===

impl Https {
    /// Listens on an address, with a certificate.
    ///
    /// # Errors
    ///
    /// Why it can't listen there, or what is wrong with the certificate.
    pub async fn bind(address: SocketAddr, pair: &PemPair, answer: impl Answer) -> Result<Self> {
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("can't listen on {address}"))?;
        let (address, acceptor) = (listener.local_addr()?, TlsAcceptor::from(Arc::new(config(pair)?)));
        Ok(Self { address, task: tokio::spawn(accept(listener, acceptor, Arc::new(answer))) })
    }

    /// Where it listens.
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

fn config(pair: &PemPair) -> Result<ServerConfig> {
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_no_client_auth().with_single_cert(vec![certificate], key)?)
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, answer: Arc<impl Answer>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, acceptor.clone(), Arc::clone(&answer)));
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, answer: Arc<impl Answer>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service =
        service_fn(async |request| Ok::<_, Error>(respond(request, &*answer).await?.map(Full::new)));
    // A client may leave at any time.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(request: Request<Incoming>, answer: &impl Answer) -> Result<Response<Bytes>> {
    let (head, body) = request.into_parts();
    answer.answer(Request::from_parts(head, body.collect().await?.to_bytes())).await
}
