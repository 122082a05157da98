//! The certificate chain that a server presents in a handshake, without verification: an inspection has to see untrusted
//! certificates, too.

use crate::crypto::provider;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// The certificate chain that a server sent. The server has the private key of the first certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedChain(pub(super) Vec<CertificateDer<'static>>);

/// Why a server presented no certificate chain.
#[derive(Debug, thiserror::Error)]
pub enum PresentedError {
    /// The name can't be sent in a handshake.
    #[error("{0:?} is neither a DNS name nor an address")]
    Name(String),
    /// The server does not have the private key of its certificate.
    #[error(
        "does not have the key of the certificate that it presents; give it the two files that were made together"
    )]
    PrivateKey,
    /// The handshake failed.
    #[error("{0}; is this the port of a TLS server?")]
    Handshake(io::Error),
    /// The client can't start a handshake.
    #[error(transparent)]
    Tls(#[from] Error),
}

/// Accepts any certificate, but verifies that the server has its private key.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

/// Does a handshake over a stream and returns the certificate chain that the server presents.
///
/// # Errors
///
/// If the handshake fails.
pub fn presented_chain(mut stream: impl Read + Write, name: &str) -> Result<PresentedChain, PresentedError> {
    let server = ServerName::try_from(name.to_owned()).map_err(|_| PresentedError::Name(name.to_owned()))?;
    let mut client = ClientConnection::new(Arc::new(config()?), server)?;
    while client.is_handshaking() {
        client.complete_io(&mut stream).map_err(handshake_error)?;
    }
    let certificates = client.peer_certificates().unwrap_or_default();
    Ok(PresentedChain(certificates.iter().map(|certificate| certificate.clone().into_owned()).collect()))
}

fn handshake_error(error: io::Error) -> PresentedError {
    match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(Error::InvalidCertificate(CertificateError::BadSignature)) => PresentedError::PrivateKey,
        _ => PresentedError::Handshake(error),
    }
}

fn config() -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = AnyCertificate(provider.signature_verification_algorithms);
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
