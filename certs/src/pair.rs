//! A certificate with its key, checked by construction: it parses, it is in date, and the key is the certificate's.

use crate::provider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

/// A certificate chain and the private key of its first certificate.
#[derive(Debug)]
pub struct Pair {
    certified: Arc<CertifiedKey>,
    validity: Validity,
}

/// A certificate and what a client needs to trace it to its root, in date when it was read.
#[derive(Clone, Debug)]
pub struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    validity: Validity,
}

/// A private key that can sign.
#[derive(Debug)]
pub struct Key(Arc<dyn SigningKey>);

/// From when until when a certificate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: SystemTime,
    /// The last moment.
    pub not_after: SystemTime,
}

/// Why a text is no certificate chain to serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// There is no certificate in it.
    #[error("holds no PEM certificate; put the server's certificate there, then the ones that signed it")]
    Missing,
    /// It can't be read.
    #[error("is not a PEM certificate ({0}); copy the whole file, from BEGIN to END CERTIFICATE")]
    Broken(String),
    /// It is no longer in date.
    #[error("expired on {0}; put a certificate there that is in date")]
    Expired(Moment),
    /// It is not in date yet.
    #[error("is not valid before {0}; put a certificate there that is in date, or set the clock")]
    Early(Moment),
}

/// Why a text is no private key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no key in it.
    #[error("holds no PEM private key; put the certificate's key there, unencrypted")]
    Missing,
    /// It can't be read.
    #[error("is not a PEM private key ({0}); copy the whole file, from BEGIN to END PRIVATE KEY")]
    Broken(String),
    /// It is of a kind that can't be used.
    #[error("is a key of a kind that cannot be used ({0}); make one of P-256, P-384, Ed25519 or RSA")]
    Kind(String),
}

/// The private key is not the certificate's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is not the certificate's")]
pub struct Mismatch;

/// A moment, printed for people in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(SystemTime);

/// The last second of the year 9999, after which nothing can be written down.
const LAST: Duration = Duration::from_secs(253_402_300_799);

// === impl Pair ===

impl Pair {
    /// The chain with its key.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] if the key belongs to another certificate.
    pub fn new(chain: Chain, key: Key) -> Result<Self, Mismatch> {
        let certified = CertifiedKey::new(chain.certificates, key.0);
        match certified.keys_match() {
            Ok(()) => Ok(Self { certified: Arc::new(certified), validity: chain.validity }),
            Err(_) => Err(Mismatch),
        }
    }

    /// When the served certificate counts.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// The certificates in the order in which they are sent.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

// === impl Chain ===

impl Chain {
    /// Reads a chain from PEM. Only the first certificate must be in date: an old root at the end harms nobody.
    ///
    /// # Errors
    ///
    /// If there is no certificate, one does not parse, or the first is not in date.
    pub fn from_pem(pem: &[u8], now: SystemTime) -> Result<Self, ChainError> {
        let certificates = certificates(pem)?;
        let first = certificates.first().ok_or(ChainError::Missing)?;
        let validity = Validity::of(first)?;
        validity.check(now)?;
        Ok(Self { certificates, validity })
    }
}

/// All certificates of a PEM text, each of which parses.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ChainError> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| ChainError::Broken(describe(&error)))?;
    for certificate in &certificates {
        parse(certificate)?;
    }
    Ok(certificates)
}

/// The parsed form of a certificate.
pub(crate) fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, ChainError> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| ChainError::Broken(error.to_string()))?;
    Ok(certificate)
}

// === impl Validity ===

impl Validity {
    /// How long the certificate still counts; zero once it has expired.
    pub fn left(self, now: SystemTime) -> Duration {
        self.not_after.duration_since(now).unwrap_or_default()
    }

    /// When a certificate counts.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Result<Self, ChainError> {
        let certificate = parse(certificate)?;
        let validity = certificate.validity();
        Ok(Self { not_before: system_time(validity.not_before), not_after: system_time(validity.not_after) })
    }

    pub(crate) fn check(self, now: SystemTime) -> Result<(), ChainError> {
        if now > self.not_after {
            return Err(ChainError::Expired(Moment::from(self.not_after)));
        }
        if now < self.not_before {
            return Err(ChainError::Early(Moment::from(self.not_before)));
        }
        Ok(())
    }
}

/// A date before 1970 counts as 1970: nothing that is in date lies there.
fn system_time(time: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}

// === impl Key ===

impl Key {
    /// Reads the first private key of a PEM text.
    ///
    /// # Errors
    ///
    /// If there is none, or it can't be used.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        match PrivateKeyDer::from_pem_slice(pem) {
            Ok(der) => Self::from_der(der),
            Err(PemError::NoItemsFound) => Err(KeyError::Missing),
            Err(error) => Err(KeyError::Broken(describe(&error))),
        }
    }

    /// Whether it is a certificate's.
    pub(crate) fn is_of(&self, certificate: &CertificateDer<'_>) -> bool {
        let (Some(own), Ok(certificate)) = (self.0.public_key(), parse(certificate)) else { return false };
        own.as_ref() == certificate.tbs_certificate.subject_pki.raw
    }

    pub(crate) fn from_der(der: PrivateKeyDer<'static>) -> Result<Self, KeyError> {
        let signing = provider().key_provider.load_private_key(der);
        signing.map(Self).map_err(|error| KeyError::Kind(error.to_string()))
    }
}

/// What is wrong with a PEM text, without a byte of it: it may be a key.
fn describe(error: &PemError) -> String {
    match error {
        PemError::MissingSectionEnd { .. } => "its END line is missing".to_owned(),
        PemError::IllegalSectionStart { .. } => "its BEGIN line is malformed".to_owned(),
        PemError::Base64Decode(_) => "it is not base64".to_owned(),
        _ => "it cannot be read".to_owned(),
    }
}

// === impl Moment ===

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        Self(time.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST))
    }
}

impl Moment {
    /// For other programs, as RFC 3339 has it, in UTC and to the second.
    pub fn rfc3339(self) -> String {
        humantime::format_rfc3339_seconds(self.0).to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} UTC", self.rfc3339().trim_end_matches('Z').replace('T', " "))
    }
}
