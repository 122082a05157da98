//! Which clients may connect: those with a certificate of a given CA and, if names are given, with one of the names.
//!
//! An API server presents such a certificate where its admission configuration says so. The CA's file may be replaced
//! while the server runs, like the server's own pair.

use crate::pair::{ChainError, certificates, parse};
use crate::provider;
use crate::watched::{Reload, Unreadable, Watched};
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

/// A client CA's file, and what was last read from it.
#[derive(Debug)]
pub struct ClientCa {
    path: PathBuf,
    watched: Watched<1>,
    clients: Arc<Clients>,
}

/// The clients that may connect.
#[derive(Debug)]
pub struct Clients {
    authority: ArcSwap<Authority>,
    names: Vec<String>,
}

/// Sized, for the swap.
#[derive(Debug)]
struct Authority(Arc<dyn ClientCertVerifier>);

/// Why a file is no client CA.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It can't be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// It holds no certificates.
    #[error("{}: {problem}", path.display())]
    Chain {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: ChainError,
    },
    /// A certificate in it can't be one of a CA.
    #[error("{}: is no CA to check clients with ({problem}); put the CA's certificate there", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// A client whose certificate is good and has none of the allowed names.
#[derive(Debug, thiserror::Error)]
#[error("the client's certificate has none of the allowed names")]
pub struct NameNotAllowed;

// === impl ClientCa ===

impl ClientCa {
    /// Reads the file for the first time. Without names, every client of the CA may connect.
    ///
    /// # Errors
    ///
    /// If the file is no bundle of CA certificates.
    pub fn open(path: &Path, names: Vec<String>) -> Result<Self, ClientError> {
        let (watched, authority) = Watched::open([path.to_owned()], |[pem]| authority(path, pem))?;
        let clients = Arc::new(Clients { authority: ArcSwap::from_pointee(authority), names });
        Ok(Self { path: path.to_owned(), watched, clients })
    }

    /// The clients that may connect now.
    pub fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.clients)
    }

    /// Looks at the file; from then on a new CA counts, if it could have been used from the start.
    pub fn poll(&mut self) -> Reload<ClientError> {
        let Self { path, watched, clients } = self;
        watched.poll(|[pem]| {
            clients.authority.store(Arc::new(authority(path, pem)?));
            Ok(())
        })
    }
}

fn authority(path: &Path, pem: &[u8]) -> Result<Authority, ClientError> {
    let unusable = |problem: String| ClientError::Authority { path: path.to_owned(), problem };
    let certificates =
        certificates(pem).map_err(|problem| ClientError::Chain { path: path.to_owned(), problem })?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    match WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build() {
        Ok(verifier) => Ok(Authority(verifier)),
        Err(VerifierBuilderError::NoRootAnchors) => {
            Err(ClientError::Chain { path: path.to_owned(), problem: ChainError::Missing })
        }
        Err(error) => Err(unusable(error.to_string())),
    }
}

// === impl Clients ===

impl Clients {
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

/// The DNS names and the common names of a certificate. (API servers' client certificates have the latter only.)
fn names<'a>(certificate: &'a X509Certificate<'a>) -> impl Iterator<Item = &'a str> {
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let dns = alternative.into_iter().flat_map(|extension| &extension.value.general_names);
    common.chain(dns.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    }))
}

impl ClientCertVerifier for Clients {
    /// None are hinted at: the CA may be another one by the next handshake.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        client: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.authority.load().0.verify_client_cert(client, intermediates, now)?;
        self.check_name(client)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority.load().0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority.load().0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authority.load().0.supported_verify_schemes()
    }
}
