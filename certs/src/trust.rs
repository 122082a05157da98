//! Whether a client would take a certificate, asked of what clients use.

use crate::pair::Validity;
use crate::provider;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Why it would not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody whom it trusts has signed it.
    Signer,
    /// One whom it trusts has, but does not count at this moment.
    SignerDate,
    /// It is for other names.
    Name,
    /// It does not count at this moment.
    Date,
    /// Something else.
    Other(String),
}

/// Asks as a client that trusts these and calls by this name.
pub(crate) fn accepts(
    roots: &[CertificateDer<'static>],
    chain: &[CertificateDer<'static>],
    name: &str,
    at: SystemTime,
) -> Result<(), Refusal> {
    let counts =
        |root: &&CertificateDer<'static>| Validity::of(root).is_ok_and(|validity| validity.check(at).is_ok());
    let counting: Vec<_> = roots.iter().filter(counts).cloned().collect();
    match ask(&counting, chain, name, at) {
        Err(Refusal::Signer) if ask(roots, chain, name, at) != Err(Refusal::Signer) => {
            Err(Refusal::SignerDate)
        }
        answer => answer,
    }
}

fn ask(
    roots: &[CertificateDer<'static>],
    chain: &[CertificateDer<'static>],
    name: &str,
    at: SystemTime,
) -> Result<(), Refusal> {
    let (Some((first, others)), Ok(name)) = (chain.split_first(), ServerName::try_from(name)) else {
        return Err(Refusal::Name);
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().cloned());
    let Ok(verifier) = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider()).build()
    else {
        return Err(Refusal::Signer);
    };
    let at = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap_or_default());
    match verifier.verify_server_cert(first, others, &name, &[], at) {
        Ok(_) => Ok(()),
        Err(error) => Err(refusal(error)),
    }
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Refusal::Signer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Refusal::Name
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Refusal::Date,
            other => Refusal::Other(other.to_string()),
        },
        other => Refusal::Other(other.to_string()),
    }
}
