//! What clients trust: the certificates of `caBundle`, in their order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Characters of a line of PEM.
const PEM_LINE: usize = 64;

/// Certificates that a client traces a server's certificate to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle(Vec<CertificateDer<'static>>);

// === impl Bundle ===

impl Bundle {
    /// Trusts nobody.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads a bundle as Go does, whose clients it is for: what is no certificate is passed over.
    pub fn read(pem: &[u8]) -> Self {
        Self(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect())
    }

    /// The certificates.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }

    /// Whether nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether everything that another bundle trusts is trusted.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.iter().all(|certificate| self.0.contains(certificate))
    }

    /// Trusts what another bundle does, too.
    pub fn extend(&mut self, other: &Self) {
        for certificate in &other.0 {
            if !self.0.contains(certificate) {
                self.0.push(certificate.clone());
            }
        }
    }

    /// All certificates one after the other.
    pub fn pem(&self) -> String {
        self.0.iter().map(|certificate| pem(certificate)).collect()
    }
}

impl From<Vec<CertificateDer<'static>>> for Bundle {
    fn from(certificates: Vec<CertificateDer<'static>>) -> Self {
        Self(certificates)
    }
}

/// A certificate as PEM.
fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(PEM_LINE) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}
