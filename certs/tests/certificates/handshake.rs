//! A full TLS handshake in memory between a rustls client and a server configuration.

use crate::signer::Pem;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Error, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
};
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The result of a handshake.
#[derive(Debug)]
pub struct Negotiated {
    /// The common name of the server's certificate.
    pub common_name: String,
    /// The application protocol that the server chose.
    pub alpn: Option<Vec<u8>>,
    pub version: Option<ProtocolVersion>,
}

/// A client that trusts one CA and may have a client certificate.
pub struct Client {
    roots: Arc<RootCertStore>,
    identity: Option<Pem>,
    name: &'static str,
}

impl Client {
    pub fn trusting(ca: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        Self { roots: Arc::new(roots), identity: None, name: "localhost" }
    }

    pub fn presenting(mut self, identity: &Pem) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    pub fn with_server_name(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub fn connect(&self, server: &Arc<ServerConfig>) -> Result<Negotiated, Error> {
        let name = ServerName::try_from(self.name).unwrap();
        let mut client = ClientConnection::new(Arc::new(self.config()), name)?;
        let mut server = ServerConnection::new(Arc::clone(server))?;
        while client.is_handshaking() || server.is_handshaking() {
            transfer(&mut |out| client.write_tls(out), &mut |bytes| server.read_tls(bytes));
            server.process_new_packets()?;
            transfer(&mut |out| server.write_tls(out), &mut |bytes| client.read_tls(bytes));
            client.process_new_packets()?;
        }
        Ok(Negotiated {
            common_name: common_name(client.peer_certificates().unwrap().first().unwrap()),
            alpn: client.alpn_protocol().map(<[u8]>::to_vec),
            version: client.protocol_version(),
        })
    }

    fn config(&self) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots));
        let mut config = match &self.identity {
            Some(pem) => {
                let chain = vec![CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }
}

/// Transfers all pending bytes from one side to the other.
fn transfer(
    from: &mut dyn FnMut(&mut dyn std::io::Write) -> std::io::Result<usize>,
    to: &mut dyn FnMut(&mut dyn std::io::Read) -> std::io::Result<usize>,
) {
    let mut bytes = Vec::new();
    while from(&mut bytes).unwrap() > 0 {}
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        to(&mut rest).unwrap();
    }
}

pub fn common_name(der: &CertificateDer<'_>) -> String {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    certificate.subject().iter_common_name().last().unwrap().as_str().unwrap().to_owned()
}
