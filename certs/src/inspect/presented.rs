//! What a server presents in a handshake, taken as it is: who looks into a certificate that nobody trusts has to see it.

use crate::provider;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// The certificates that a server sent, of the first of which it has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented(pub(super) Vec<CertificateDer<'static>>);

/// Why there was nothing to see.
#[derive(Debug, thiserror::Error)]
pub enum PresentedError {
    /// It can't be asked by this name.
    #[error("{0:?} is neither a DNS name nor an address")]
    Name(String),
    /// It presented another's certificate.
    #[error(
        "has not the key of the certificate that it presents; give it the two files that were made together"
    )]
    Key,
    /// The handshake came to nothing.
    #[error("{0}; is this the port of a TLS server?")]
    Handshake(io::Error),
    /// The handshake can't be begun.
    #[error(transparent)]
    Tls(#[from] Error),
}

/// Takes what it gets, if only it is signed by the key that belongs to it.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

/// Speaks to a server over a stream until it has presented its certificate.
///
/// # Errors
///
/// If there is no handshake.
pub fn presented(mut stream: impl Read + Write, name: &str) -> Result<Presented, PresentedError> {
    let server = ServerName::try_from(name.to_owned()).map_err(|_| PresentedError::Name(name.to_owned()))?;
    let mut client = ClientConnection::new(Arc::new(config()?), server)?;
    while client.is_handshaking() {
        client.complete_io(&mut stream).map_err(failed)?;
    }
    let certificates = client.peer_certificates().unwrap_or_default();
    Ok(Presented(certificates.iter().map(|certificate| certificate.clone().into_owned()).collect()))
}

fn failed(error: io::Error) -> PresentedError {
    match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(Error::InvalidCertificate(CertificateError::BadSignature)) => PresentedError::Key,
        _ => PresentedError::Handshake(error),
    }
}

fn config() -> Result<ClientConfig, Error> {
    let provider = provider();
    let anybody = Anybody(provider.signature_verification_algorithms);
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(anybody));
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl ServerCertVerifier for Anybody {
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
