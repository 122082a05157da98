//! The keys and certificates of a cluster, generated for each one.

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};

/// A CA that signs certificates of servers and clients.
#[derive(Debug)]
pub struct TestAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate with its private key, both as PEM.
#[derive(Debug)]
pub struct IssuedPair {
    /// The certificate, as PEM.
    pub certificate: String,
    /// The private key, as PEM.
    pub key: String,
}

// === impl TestAuthority ===

impl TestAuthority {
    /// Generates a self-signed CA with a common name.
    ///
    /// # Errors
    ///
    /// Returns an error if the key or the certificate can't be generated.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = named(name, None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// The CA's certificate, as PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Issues a server certificate for DNS names and IP addresses.
    ///
    /// # Errors
    ///
    /// Returns an error if a name can't be in a certificate.
    pub fn server(&self, name: &str, alternatives: &[String]) -> Result<IssuedPair> {
        let names = CertificateParams::new(alternatives)?.subject_alt_names;
        let mut params = named(name, None);
        params.subject_alt_names = names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// Issues a client certificate for a user and optionally a group.
    ///
    /// # Errors
    ///
    /// Returns an error if the certificate can't be generated.
    pub fn client(&self, user: &str, group: Option<&str>) -> Result<IssuedPair> {
        let mut params = named(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<IssuedPair> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(IssuedPair { certificate, key: key.serialize_pem() })
    }
}

/// Generates the key that signs the tokens of service accounts, and returns the private and the public half as PEM.
pub fn service_accounts() -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

fn named(name: &str, organization: Option<&str>) -> CertificateParams {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    if let Some(organization) = organization {
        subject.push(DnType::OrganizationName, organization);
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params
}
