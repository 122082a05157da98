//! Trust bundles: the CA certificates of a `caBundle`, in order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The number of characters in a PEM line, required by RFC 7468.
const PEM_LINE: usize = 64;

/// A trust bundle: the CA certificates that a client trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle(Vec<CertificateDer<'static>>);

// === impl Bundle ===

impl Bundle {
    /// Returns a bundle without certificates, which trusts no server.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads a bundle as Go does, because the API server is a Go client: skips everything that is not a certificate.
    pub fn read(pem: &[u8]) -> Self {
        Self(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect())
    }

    /// Returns the certificates in their order.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }

    /// Returns whether the bundle has no certificate.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether every certificate of `other` is in this bundle.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.iter().all(|certificate| self.0.contains(certificate))
    }

    /// Appends the certificates of `other` that this bundle lacks.
    pub fn extend(&mut self, other: &Self) {
        for certificate in &other.0 {
            if !self.0.contains(certificate) {
                self.0.push(certificate.clone());
            }
        }
    }

    /// Returns the certificates as concatenated PEM.
    pub fn pem(&self) -> String {
        self.0.iter().map(|certificate| pem(certificate)).collect()
    }
}

impl From<Vec<CertificateDer<'static>>> for Bundle {
    fn from(certificates: Vec<CertificateDer<'static>>) -> Self {
        Self(certificates)
    }
}

fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(PEM_LINE) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}
