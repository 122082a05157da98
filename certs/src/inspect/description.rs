//! The fields of a certificate that identify it.

use crate::authority::{address_text, permitted_names};
use crate::certificate::{ChainError, Validity, parse};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{GeneralName, ParsedExtension, X509Certificate};

/// The fields of a certificate that identify it, safe to print on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateDescription {
    /// The subject, e.g. `CN=Ordinance CA 1f0c6a2e`.
    pub subject: String,
    /// The subject of the CA that is named as its issuer.
    pub issuer: String,
    /// The SHA-256 of its DER encoding, in hexadecimal digits.
    pub sha256: String,
    /// The subject key identifier in hexadecimal digits, or `None` if there is no such extension.
    pub key_id: Option<String>,
    /// The validity period.
    pub validity: Validity,
    /// The DNS names and addresses that it is valid for; of a CA, those that it can sign for.
    pub names: Vec<String>,
    /// Whether it is a CA certificate.
    pub is_authority: bool,
}

// === impl CertificateDescription ===

impl CertificateDescription {
    /// Describes a certificate.
    ///
    /// # Errors
    ///
    /// If the certificate does not parse.
    pub fn of(der: &CertificateDer<'_>) -> Result<Self, ChainError> {
        let certificate = parse(der)?;
        let names = if certificate.is_ca() { permitted_names(&certificate) } else { names(&certificate) };
        Ok(Self {
            subject: printable(&certificate.subject().to_string()),
            issuer: printable(&certificate.issuer().to_string()),
            sha256: hex(&Sha256::digest(der)),
            key_id: key_id(&certificate),
            validity: Validity::of(der)?,
            names: names.iter().map(|name| printable(name)).collect(),
            is_authority: certificate.is_ca(),
        })
    }

    /// Returns the common name if the subject has no other part, else the whole subject.
    pub fn name(&self) -> &str {
        match self.subject.strip_prefix("CN=") {
            Some(name) if !name.contains([',', '=']) => name,
            _ if self.subject.is_empty() => "(no name)",
            _ => &self.subject,
        }
    }
}

/// Returns the subject alternative names, the only ones that clients check.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let names = alternative.into_iter().flat_map(|extension| &extension.value.general_names);
    names.filter_map(name).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address_text(bytes),
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

/// Replaces control characters, which could steer a terminal: the text comes from the maker of the certificate.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
