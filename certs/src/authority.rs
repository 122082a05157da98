//! Certificate authorities that can sign only for the service's names, and the leaf certificates that they issue.
//!
//! Serial numbers are random. Every certificate is valid from an hour before it was signed, for clients whose clock is
//! behind, and no leaf certificate outlives its CA.

use crate::certificate::{
    CertificateChain, ChainError, KeyMismatch, PrivateKey, PrivateKeyError, ServingCertificate, Validity,
    parse,
};
use crate::crypto::provider;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};
use x509_parser::prelude::{GeneralName, X509Certificate};

/// By how much a client's clock may be behind.
pub(crate) const BACKDATED: Duration = Duration::from_secs(60 * 60);

/// Bytes of a serial number; RFC 5280 allows 20.
const SERIAL_BYTES: usize = 16;

/// Bytes of the random number in a CA's name, which lets people tell two CAs apart.
const NAME_BYTES: usize = 4;

/// A certificate authority (CA): its certificate and its private key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    names: Vec<String>,
    validity: Validity,
}

/// A certificate and its private key, both as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct PemPair {
    /// The certificate, with its issuers if there are any.
    pub certificate: String,
    /// The private key, unencrypted.
    pub key: String,
}

/// For how long a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(pub Duration);

/// Why a CA or a leaf certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A name is neither a DNS name nor an address, or signing failed.
    #[error("{0}; give DNS names and IP addresses")]
    Sign(#[from] rcgen::Error),
    /// The system's random number generator failed.
    #[error("the system provides no random numbers")]
    Random,
    /// The signed certificate does not parse.
    #[error("the certificate made for this server {0}")]
    Chain(#[from] ChainError),
    /// The new private key is unusable.
    #[error("the key made for this server {0}")]
    PrivateKey(#[from] PrivateKeyError),
    /// The new private key does not match its certificate.
    #[error(transparent)]
    Mismatch(#[from] KeyMismatch),
    /// A stored CA is unusable.
    #[error("{0}")]
    Stored(#[from] InvalidAuthority),
}

/// Why a certificate and a key are not a usable CA.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthority {
    /// The certificate does not parse.
    #[error("the certificate {0}")]
    Certificate(#[from] ChainError),
    /// The private key does not parse.
    #[error("the key can't be read")]
    PrivateKey,
    /// The private key belongs to another certificate.
    #[error(transparent)]
    Mismatch(#[from] KeyMismatch),
    /// The certificate may not sign others.
    #[error("the certificate is not a CA certificate")]
    NotCa,
}

// === impl Lifetime ===

impl Lifetime {
    /// Returns a lifetime of this many days.
    pub const fn days(days: u64) -> Self {
        Self(Duration::from_secs(days * 24 * 60 * 60))
    }
}

// === impl PemPair ===

impl fmt::Debug for PemPair {
    /// Leaves out the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PemPair").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl PemPair {
    /// Returns the certificate's validity period, or `None` if the certificate can't be read.
    pub fn validity(&self) -> Option<Validity> {
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes()).ok()?;
        Validity::of(&der).ok()
    }

    /// Parses both into a certificate that can be served.
    ///
    /// # Errors
    ///
    /// If the certificate is not in date at `now`, or the key does not match it.
    pub fn serving(&self, now: SystemTime) -> Result<ServingCertificate, AuthorityError> {
        let chain = CertificateChain::from_pem(self.certificate.as_bytes(), now)?;
        Ok(ServingCertificate::new(chain, PrivateKey::from_pem(self.key.as_bytes())?)?)
    }
}

// === impl Authority ===

impl Authority {
    /// Makes a self-signed CA that can sign for these DNS names and addresses only.
    ///
    /// # Errors
    ///
    /// If a name is invalid in a certificate.
    pub fn new(names: &[String], now: SystemTime, lifetime: Lifetime) -> Result<Self, AuthorityError> {
        let name = format!("Ordinance CA {:08x}", u32::from_be_bytes(random::<NAME_BYTES>()?));
        let mut params = params(names, &name, now - BACKDATED, now + lifetime.0)?;
        params.name_constraints = Some(constraints(&params.subject_alt_names));
        params.subject_alt_names.clear();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let validity = Validity::of(certificate.der())?;
        let (certificate, names) = (certificate.pem(), names.to_vec());
        Ok(Self { issuer: Issuer::new(params, key), certificate, names, validity })
    }

    /// Reads a CA from PEM. Does not check whether it is in date.
    ///
    /// # Errors
    ///
    /// If the certificate is not a CA certificate, or the key does not match it.
    pub fn from_pem(pair: &PemPair) -> Result<Self, InvalidAuthority> {
        let der =
            CertificateDer::from_pem_slice(pair.certificate.as_bytes()).map_err(|_| ChainError::Missing)?;
        let key = KeyPair::from_pem(&pair.key).map_err(|_| InvalidAuthority::PrivateKey)?;
        let (names, validity) = {
            let certificate = parse(&der)?;
            if certificate.public_key().subject_public_key.data != key.public_key_raw() {
                return Err(KeyMismatch.into());
            }
            if !certificate.is_ca() {
                return Err(InvalidAuthority::NotCa);
            }
            (permitted_names(&certificate), Validity::of(&der)?)
        };
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|_| InvalidAuthority::NotCa)?;
        Ok(Self { issuer, certificate: pair.certificate.clone(), names, validity })
    }

    /// Returns the CA certificate as PEM, for `caBundle`.
    pub fn pem(&self) -> String {
        self.certificate.clone()
    }

    /// Returns the CA with its private key, to be stored.
    pub fn pem_pair(&self) -> PemPair {
        PemPair { certificate: self.certificate.clone(), key: self.issuer.key().serialize_pem() }
    }

    /// Returns the names that the CA can sign for.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the validity period of the CA certificate.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Issues a leaf certificate for all names of the CA, with a new key that never leaves memory.
    ///
    /// # Errors
    ///
    /// If signing fails.
    pub fn issue(&self, now: SystemTime, lifetime: Lifetime) -> Result<ServingCertificate, AuthorityError> {
        self.sign(now, now + lifetime.0)?.serving(now)
    }

    /// Signs a leaf certificate for all names of the CA, with a new key. It is valid until `until`, or until the CA
    /// expires if that is earlier.
    ///
    /// # Errors
    ///
    /// If signing fails.
    pub fn sign(&self, now: SystemTime, until: SystemTime) -> Result<PemPair, AuthorityError> {
        let name = self.names.first().map_or("ordinance", String::as_str);
        let from = (now - BACKDATED).max(self.validity.not_before);
        let mut params = params(&self.names, name, from, until.min(self.validity.not_after))?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(PemPair { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// Returns the parameters that CA and leaf certificates have in common.
fn params(
    names: &[String],
    common_name: &str,
    from: SystemTime,
    until: SystemTime,
) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = from.into();
    params.not_after = until.into();
    params.serial_number = Some(serial_number()?);
    Ok(params)
}

/// Returns a random positive number, as RFC 5280 demands.
fn serial_number() -> Result<SerialNumber, AuthorityError> {
    let positive = u128::from_be_bytes(random::<SERIAL_BYTES>()?) >> 1 | 1;
    Ok(SerialNumber::from(positive.to_be_bytes().to_vec()))
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], AuthorityError> {
    let mut bytes = [0_u8; N];
    provider().secure_random.fill(&mut bytes).map_err(|_| AuthorityError::Random)?;
    Ok(bytes)
}

/// Returns constraints that permit only these names. Constraints apply by type of name: if no address is permitted, all
/// addresses have to be excluded.
fn constraints(names: &[SanType]) -> NameConstraints {
    let permitted_subtrees: Vec<_> = names.iter().filter_map(subtree).collect();
    let has_address =
        permitted_subtrees.iter().any(|subtree| matches!(subtree, GeneralSubtree::IpAddress(_)));
    let excluded_subtrees = if has_address { Vec::new() } else { every_address() };
    NameConstraints { permitted_subtrees, excluded_subtrees }
}

fn subtree(name: &SanType) -> Option<GeneralSubtree> {
    match name {
        SanType::DnsName(name) => Some(GeneralSubtree::DnsName(name.to_string())),
        SanType::IpAddress(address) => {
            let prefix = if address.is_ipv4() { 32 } else { 128 };
            Some(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, prefix)))
        }
        _ => None,
    }
}

fn every_address() -> Vec<GeneralSubtree> {
    vec![
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv4Addr::UNSPECIFIED.into(), 0)),
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv6Addr::UNSPECIFIED.into(), 0)),
    ]
}

/// Returns the names that a CA's name constraints permit.
pub(crate) fn permitted_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let constraints = certificate.name_constraints().ok().flatten();
    let subtrees = constraints.and_then(|extension| extension.value.permitted_subtrees.as_ref());
    subtrees.into_iter().flatten().filter_map(|subtree| permitted_name(&subtree.base)).collect()
}

/// Returns a DNS name, or an address whose mask is all ones.
fn permitted_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let (address, mask) = bytes.split_at(bytes.len() / 2);
            mask.iter().all(|byte| *byte == u8::MAX).then(|| address_text(address)).flatten()
        }
        _ => None,
    }
}

/// Formats the 4 or 16 bytes of an address; returns `None` for any other length.
pub(crate) fn address_text(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()?;
    Some(address.to_string())
}
