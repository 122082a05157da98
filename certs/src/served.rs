//! The pair that handshakes get, swapped as one value, and the TLS that is spoken with it.

use crate::clients::Clients;
use crate::pair::Pair;
use crate::provider;
use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, NoClientAuth, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{Error, ServerConfig};
use std::sync::Arc;

/// The one pair that is served now. Every handshake takes it whole; one under way keeps what it took.
#[derive(Debug)]
pub struct Served(ArcSwapOption<Pair>);

// === impl Served ===

impl Served {
    /// Serves this pair.
    pub fn new(pair: Pair) -> Self {
        Self(ArcSwapOption::from_pointee(pair))
    }

    /// Serves nothing yet: handshakes fail until a pair is published.
    pub fn empty() -> Self {
        Self(ArcSwapOption::empty())
    }

    /// Serves another pair from the next handshake on.
    pub fn publish(&self, pair: Pair) {
        self.0.store(Some(Arc::new(pair)));
    }

    /// The pair that is served now, if there is one.
    pub fn current(&self) -> Option<Arc<Pair>> {
        self.0.load_full()
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().as_ref().map(|pair| pair.certified())
    }
}

/// TLS 1.3 for HTTP/1.1 and nothing else, without tickets and sessions: a handshake is the only way in, so that a new
/// pair, or a new client CA, counts for every connection from then on.
///
/// # Errors
///
/// If the provider of cryptography lacks TLS 1.3.
pub fn server_config(served: Arc<Served>, clients: Option<Arc<Clients>>) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_client_cert_verifier(Arc::new(NoClientAuth)),
    };
    let mut config = builder.with_cert_resolver(served);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}
