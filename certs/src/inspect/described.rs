//! A certificate, as people tell one from another.

use crate::authority::{address_of, permitted};
use crate::pair::{ChainError, Validity, parse};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{GeneralName, ParsedExtension, X509Certificate};

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Whose it is.
    pub subject: String,
    /// Who is said to have signed it.
    pub issuer: String,
    /// SHA-256 of the whole, in hexadecimal digits.
    pub sha256: String,
    /// What identifies its key, in hexadecimal digits; none if it does not say.
    pub key_id: Option<String>,
    /// When it counts.
    pub validity: Validity,
    /// The DNS names and addresses that it is for; of a CA those that it can sign for.
    pub names: Vec<String>,
    /// Whether it can sign others.
    pub is_authority: bool,
}

// === impl Described ===

impl Described {
    /// Reads a certificate.
    ///
    /// # Errors
    ///
    /// If it does not parse.
    pub fn of(der: &CertificateDer<'_>) -> Result<Self, ChainError> {
        let certificate = parse(der)?;
        let names = if certificate.is_ca() { permitted(&certificate) } else { names(&certificate) };
        Ok(Self {
            subject: plain(&certificate.subject().to_string()),
            issuer: plain(&certificate.issuer().to_string()),
            sha256: hex(&Sha256::digest(der)),
            key_id: key_id(&certificate),
            validity: Validity::of(der)?,
            names: names.iter().map(|name| plain(name)).collect(),
            is_authority: certificate.is_ca(),
        })
    }

    /// The subject's common name where it has nothing else, which is what people call it by.
    pub fn name(&self) -> &str {
        match self.subject.strip_prefix("CN=") {
            Some(name) if !name.contains([',', '=']) => name,
            _ if self.subject.is_empty() => "(no name)",
            _ => &self.subject,
        }
    }
}

/// The names of a certificate that clients look at.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let names = alternative.into_iter().flat_map(|extension| &extension.value.general_names);
    names.filter_map(name).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address_of(bytes),
        _ => None,
    }
}

fn key_id(certificate: &X509Certificate<'_>) -> Option<String> {
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(hex(id.0)),
        _ => None,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Without what could steer a terminal: whoever made the certificate chose the text.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
