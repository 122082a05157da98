//! Verifies certificates as a client would, with the verifier that rustls clients use.

use crate::certificate::Validity;
use crate::crypto::provider;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Why a client would reject a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TrustError {
    /// No trusted CA signed it.
    UnknownIssuer,
    /// A trusted CA signed it, but that CA is not in date.
    IssuerNotInDate,
    /// It is for other names.
    WrongName,
    /// It is not in date.
    NotInDate,
    /// Another reason, in the words of rustls.
    Other(String),
}

/// Verifies `chain` as a client that trusts `roots` and connects to `name` at the time `at`.
pub(crate) fn verify(
    roots: &[CertificateDer<'static>],
    chain: &[CertificateDer<'static>],
    name: &str,
    at: SystemTime,
) -> Result<(), TrustError> {
    let is_in_date =
        |root: &&CertificateDer<'static>| Validity::of(root).is_ok_and(|validity| validity.check(at).is_ok());
    let roots_in_date: Vec<_> = roots.iter().filter(is_in_date).cloned().collect();
    // webpki does not check the dates of trust anchors, so verify against those in date first.
    match verify_with(&roots_in_date, chain, name, at) {
        Err(TrustError::UnknownIssuer)
            if verify_with(roots, chain, name, at) != Err(TrustError::UnknownIssuer) =>
        {
            Err(TrustError::IssuerNotInDate)
        }
        result => result,
    }
}

fn verify_with(
    roots: &[CertificateDer<'static>],
    chain: &[CertificateDer<'static>],
    name: &str,
    at: SystemTime,
) -> Result<(), TrustError> {
    let (Some((first, others)), Ok(name)) = (chain.split_first(), ServerName::try_from(name)) else {
        return Err(TrustError::WrongName);
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().cloned());
    let Ok(verifier) = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider()).build()
    else {
        return Err(TrustError::UnknownIssuer);
    };
    let at = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap_or_default());
    verifier.verify_server_cert(first, others, &name, &[], at).map(drop).map_err(TrustError::from)
}

// === impl TrustError ===

impl From<Error> for TrustError {
    fn from(error: Error) -> Self {
        let Error::InvalidCertificate(error) = error else { return Self::Other(error.to_string()) };
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::NotInDate,
            other => Self::Other(other.to_string()),
        }
    }
}
