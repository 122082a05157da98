//! A serving certificate, checked by construction: it parses, it is in date, and the private key matches it.

use crate::crypto::provider;
use crate::time::Timestamp;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

/// A certificate chain and the private key of its first certificate.
#[derive(Debug)]
pub struct ServingCertificate {
    certified: Arc<CertifiedKey>,
    validity: Validity,
}

/// A certificate and its issuers up to the root, in date when it was read.
#[derive(Clone, Debug)]
pub struct CertificateChain {
    certificates: Vec<CertificateDer<'static>>,
    validity: Validity,
}

/// A private key that can sign.
#[derive(Debug)]
pub struct PrivateKey(Arc<dyn SigningKey>);

/// The validity period of a certificate, inclusive on both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: SystemTime,
    /// The last second.
    pub not_after: SystemTime,
}

/// Why a text is not a certificate chain that can be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// It has no certificate.
    #[error("holds no PEM certificate; put the server's certificate there, then the ones that signed it")]
    Missing,
    /// A certificate does not parse, for this reason.
    #[error("is not a PEM certificate ({0}); copy the whole file, from BEGIN to END CERTIFICATE")]
    Broken(String),
    /// The first certificate has expired.
    #[error("expired on {0}; put a certificate there that is in date")]
    Expired(Timestamp),
    /// The first certificate is not valid yet.
    #[error("is not valid before {0}; put a certificate there that is in date, or set the clock")]
    Early(Timestamp),
}

/// Why a text is not a usable private key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// It has no private key.
    #[error("holds no PEM private key; put the certificate's key there, unencrypted")]
    Missing,
    /// The key does not parse, for this reason.
    #[error("is not a PEM private key ({0}); copy the whole file, from BEGIN to END PRIVATE KEY")]
    Broken(String),
    /// The algorithm is not supported.
    #[error("is a key of an unsupported kind ({0}); use P-256, P-384, Ed25519 or RSA")]
    Kind(String),
}

/// The private key belongs to another certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key does not match the certificate")]
pub struct KeyMismatch;

// === impl ServingCertificate ===

impl ServingCertificate {
    /// Combines a chain with the private key of its first certificate.
    ///
    /// # Errors
    ///
    /// [`KeyMismatch`] if the key belongs to another certificate.
    pub fn new(chain: CertificateChain, key: PrivateKey) -> Result<Self, KeyMismatch> {
        let certified = CertifiedKey::new(chain.certificates, key.0);
        match certified.keys_match() {
            Ok(()) => Ok(Self { certified: Arc::new(certified), validity: chain.validity }),
            Err(_) => Err(KeyMismatch),
        }
    }

    /// Returns the validity period of the first certificate.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Returns the certificates in the order in which the server sends them.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

// === impl CertificateChain ===

impl CertificateChain {
    /// Reads a chain from PEM. Checks the dates of the first certificate only: an expired root at the end does no harm.
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

/// Parses all certificates of a PEM text.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ChainError> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| ChainError::Broken(describe(&error)))?;
    for certificate in &certificates {
        parse(certificate)?;
    }
    Ok(certificates)
}

pub(crate) fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, ChainError> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| ChainError::Broken(error.to_string()))?;
    Ok(certificate)
}

// === impl Validity ===

impl Validity {
    /// Returns the time until the certificate expires; zero once it has.
    pub fn left(self, now: SystemTime) -> Duration {
        self.not_after.duration_since(now).unwrap_or_default()
    }

    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Result<Self, ChainError> {
        let certificate = parse(certificate)?;
        let validity = certificate.validity();
        Ok(Self { not_before: system_time(validity.not_before), not_after: system_time(validity.not_after) })
    }

    pub(crate) fn check(self, now: SystemTime) -> Result<(), ChainError> {
        if now > self.not_after {
            return Err(ChainError::Expired(Timestamp::from(self.not_after)));
        }
        if now < self.not_before {
            return Err(ChainError::Early(Timestamp::from(self.not_before)));
        }
        Ok(())
    }
}

/// Clamps dates before 1970 to 1970: no certificate that is in date has one.
fn system_time(time: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}

// === impl PrivateKey ===

impl PrivateKey {
    /// Reads the first private key of a PEM text.
    ///
    /// # Errors
    ///
    /// If there is no key, or its algorithm is not supported.
    pub fn from_pem(pem: &[u8]) -> Result<Self, PrivateKeyError> {
        match PrivateKeyDer::from_pem_slice(pem) {
            Ok(der) => Self::from_der(der),
            Err(PemError::NoItemsFound) => Err(PrivateKeyError::Missing),
            Err(error) => Err(PrivateKeyError::Broken(describe(&error))),
        }
    }

    /// Returns whether the key belongs to `certificate`.
    pub(crate) fn matches(&self, certificate: &CertificateDer<'_>) -> bool {
        let (Some(own), Ok(certificate)) = (self.0.public_key(), parse(certificate)) else { return false };
        own.as_ref() == certificate.tbs_certificate.subject_pki.raw
    }

    fn from_der(der: PrivateKeyDer<'static>) -> Result<Self, PrivateKeyError> {
        let signing = provider().key_provider.load_private_key(der);
        signing.map(Self).map_err(|error| PrivateKeyError::Kind(error.to_string()))
    }
}

/// Describes a PEM error without quoting the text, which may be a private key.
fn describe(error: &PemError) -> String {
    match error {
        PemError::MissingSectionEnd { .. } => "its END line is missing".to_owned(),
        PemError::IllegalSectionStart { .. } => "its BEGIN line is malformed".to_owned(),
        PemError::Base64Decode(_) => "it is not base64".to_owned(),
        _ => "it cannot be read".to_owned(),
    }
}
