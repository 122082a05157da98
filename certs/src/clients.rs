//! Client authentication: clients need a certificate of a given CA and, if names are configured, one of these names.
//!
//! An API server presents such a certificate if its admission configuration has one. The CA file may be replaced while
//! the server runs, like the serving certificate.

use crate::certificate::{ChainError, certificates, parse};
use crate::crypto::provider;
use crate::watched_files::{Reload, UnreadableFile, WatchedFiles};
use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_parser::prelude::{GeneralName, X509Certificate};

/// A client CA file, and the verifier made from its last valid content.
#[derive(Debug)]
pub struct ClientCa {
    path: PathBuf,
    watched: WatchedFiles<1>,
    clients: Arc<ClientVerifier>,
}

/// Verifies client certificates, by CA and by name.
#[derive(Debug)]
pub struct ClientVerifier {
    verifier: ArcSwap<CaVerifier>,
    names: Vec<String>,
}

/// A sized wrapper, which `ArcSwap` needs.
#[derive(Debug)]
struct CaVerifier(Arc<dyn ClientCertVerifier>);

/// Why a file can't be used as a client CA.
#[derive(Debug, thiserror::Error)]
pub enum ClientCaError {
    /// The file can't be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableFile),
    /// The file has no certificate, or one does not parse.
    #[error("{}: {problem}", path.display())]
    Chain {
        /// The file.
        path: PathBuf,
        /// The error.
        problem: ChainError,
    },
    /// A certificate can't be used as a trust anchor.
    #[error("{}: is not a CA certificate to verify clients with ({problem}); put the CA's certificate there", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// The error.
        problem: String,
    },
}

/// A client whose certificate is valid but has none of the allowed names.
#[derive(Debug, thiserror::Error)]
#[error("the client's certificate has none of the allowed names")]
pub struct NameNotAllowed;

// === impl ClientCa ===

impl ClientCa {
    /// Reads the file. Without `names`, every client of the CA may connect.
    ///
    /// # Errors
    ///
    /// If the file is not a bundle of CA certificates.
    pub fn open(path: &Path, names: Vec<String>) -> Result<Self, ClientCaError> {
        let (watched, verifier) = WatchedFiles::open([path.to_owned()], |[pem]| verifier(path, pem))?;
        let clients = Arc::new(ClientVerifier { verifier: ArcSwap::from_pointee(verifier), names });
        Ok(Self { path: path.to_owned(), watched, clients })
    }

    /// Returns the verifier, which follows the file.
    pub fn clients(&self) -> Arc<ClientVerifier> {
        Arc::clone(&self.clients)
    }

    /// Reads the file again; uses a changed CA if [`ClientCa::open`] would accept it.
    pub fn poll(&mut self) -> Reload<ClientCaError> {
        let Self { path, watched, clients } = self;
        watched.poll(|[pem]| {
            clients.verifier.store(Arc::new(verifier(path, pem)?));
            Ok(())
        })
    }
}

fn verifier(path: &Path, pem: &[u8]) -> Result<CaVerifier, ClientCaError> {
    let unusable = |problem: String| ClientCaError::Authority { path: path.to_owned(), problem };
    let certificates =
        certificates(pem).map_err(|problem| ClientCaError::Chain { path: path.to_owned(), problem })?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    match WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build() {
        Ok(verifier) => Ok(CaVerifier(verifier)),
        Err(VerifierBuilderError::NoRootAnchors) => {
            Err(ClientCaError::Chain { path: path.to_owned(), problem: ChainError::Missing })
        }
        Err(error) => Err(unusable(error.to_string())),
    }
}

// === impl ClientVerifier ===

impl ClientVerifier {
    fn check_name(&self, client: &CertificateDer<'_>) -> Result<(), Error> {
        let Ok(certificate) = parse(client) else {
            return Err(CertificateError::BadEncoding.into());
        };
        if self.names.is_empty() || names(&certificate).any(|name| self.names.iter().any(|own| own == name)) {
            return Ok(());
        }
        Err(CertificateError::Other(OtherError(Arc::new(NameNotAllowed))).into())
    }
}

/// Returns the common names and DNS names of a certificate. Client certificates of API servers have only the former.
fn names<'a>(certificate: &'a X509Certificate<'a>) -> impl Iterator<Item = &'a str> {
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let dns = alternative.into_iter().flat_map(|extension| &extension.value.general_names);
    common.chain(dns.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    }))
}

impl ClientCertVerifier for ClientVerifier {
    /// Returns no hints: the CA may change before the next handshake.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        client: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.verifier.load().0.verify_client_cert(client, intermediates, now)?;
        self.check_name(client)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.load().0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.load().0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.load().0.supported_verify_schemes()
    }
}
