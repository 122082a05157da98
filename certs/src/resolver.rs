//! The certificate that handshakes use, swapped as one value, and the TLS configuration around it.

use crate::certificate::ServingCertificate;
use crate::clients::ClientVerifier;
use crate::crypto::provider;
use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, NoClientAuth, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{Error, ServerConfig};
use std::sync::Arc;

/// The certificate in use, which can be replaced while the server runs. A handshake under way keeps the certificate
/// that it began with.
#[derive(Debug)]
pub struct CertificateResolver(ArcSwapOption<ServingCertificate>);

// === impl CertificateResolver ===

impl CertificateResolver {
    /// Returns a resolver that serves `certificate`.
    pub fn new(certificate: ServingCertificate) -> Self {
        Self(ArcSwapOption::from_pointee(certificate))
    }

    /// Returns a resolver without a certificate: handshakes fail until one is published.
    pub fn empty() -> Self {
        Self(ArcSwapOption::empty())
    }

    /// Replaces the certificate from the next handshake on.
    pub fn publish(&self, certificate: ServingCertificate) {
        self.0.store(Some(Arc::new(certificate)));
    }

    /// Returns the certificate in use, or `None` before the first one is published.
    pub fn current(&self) -> Option<Arc<ServingCertificate>> {
        self.0.load_full()
    }
}

impl ResolvesServerCert for CertificateResolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().as_ref().map(|certificate| certificate.certified())
    }
}

/// Returns a server configuration for TLS 1.3 and HTTP/1.1 only, without tickets and sessions: every connection does a full
/// handshake, so that a new certificate or a new client CA applies to each connection from then on.
///
/// # Errors
///
/// If the cryptography provider lacks TLS 1.3.
pub fn server_config(
    resolver: Arc<CertificateResolver>,
    clients: Option<Arc<ClientVerifier>>,
) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_client_cert_verifier(Arc::new(NoClientAuth)),
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}
