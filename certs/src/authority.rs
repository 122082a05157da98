//! An authority: a CA that can sign for the service's names and no others, and the leaves that it issues.
//!
//! Serial numbers are random. What is signed is valid from an hour before it was made, for clients whose clock is
//! behind, and no leaf outlives its authority.

use crate::pair::{Chain, ChainError, Key, KeyError, Mismatch, Pair};
use crate::provider;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    SanType, SerialNumber,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

/// How far a client's clock may be behind.
const BACKDATED: Duration = Duration::from_secs(60 * 60);

/// Bytes of a serial number; RFC 5280 allows 20.
const SERIAL_BYTES: usize = 16;

/// A CA with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    names: Vec<String>,
    expires: SystemTime,
}

/// How long what is signed counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(pub Duration);

/// Why an authority or a leaf could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A name is neither a DNS name nor an address, or signing failed.
    #[error("{0}; give DNS names and IP addresses")]
    Sign(#[from] rcgen::Error),
    /// The system gave no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// What was signed does not parse.
    #[error("the certificate made for this server {0}")]
    Chain(#[from] ChainError),
    /// The key that was made can't be used.
    #[error("the key made for this server {0}")]
    Key(#[from] KeyError),
    /// The key that was made is not the certificate's.
    #[error(transparent)]
    Pair(#[from] Mismatch),
}

// === impl Lifetime ===

impl Lifetime {
    /// As many days.
    pub const fn days(days: u64) -> Self {
        Self(Duration::from_secs(days * 24 * 60 * 60))
    }
}

// === impl Authority ===

impl Authority {
    /// A new CA, self-signed, for these DNS names and addresses and no others.
    ///
    /// # Errors
    ///
    /// If a name can't stand in a certificate.
    pub fn new(names: &[String], now: SystemTime, lifetime: Lifetime) -> Result<Self, AuthorityError> {
        let expires = now + lifetime.0;
        let mut params = params(names, "Ordinance CA", now, expires)?;
        params.name_constraints = Some(constraints(&params.subject_alt_names));
        params.subject_alt_names.clear();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self { issuer: Issuer::new(params, key), certificate, names: names.to_vec(), expires })
    }

    /// The CA's certificate as PEM, for `caBundle`.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A leaf for the authority's names, with a new key that never leaves memory.
    ///
    /// # Errors
    ///
    /// If signing fails.
    pub fn issue(&self, now: SystemTime, lifetime: Lifetime) -> Result<Pair, AuthorityError> {
        let expires = self.expires.min(now + lifetime.0);
        let name = self.names.first().map_or("ordinance", String::as_str);
        let mut params = params(&self.names, name, now, expires)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        pair(&certificate, &key, now)
    }
}

fn pair(certificate: &Certificate, key: &KeyPair, now: SystemTime) -> Result<Pair, AuthorityError> {
    let chain = Chain::from_pem(certificate.pem().as_bytes(), now)?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok(Pair::new(chain, Key::from_der(der)?)?)
}

/// What CA and leaf have in common.
fn params(
    names: &[String],
    common_name: &str,
    now: SystemTime,
    expires: SystemTime,
) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = (now - BACKDATED).into();
    params.not_after = expires.into();
    params.serial_number = Some(serial()?);
    Ok(params)
}

/// A random positive number.
fn serial() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = [0_u8; SERIAL_BYTES];
    provider().secure_random.fill(&mut bytes).map_err(|_| AuthorityError::Random)?;
    let positive = u128::from_be_bytes(bytes) >> 1 | 1;
    Ok(SerialNumber::from(positive.to_be_bytes().to_vec()))
}

/// These names and no others. Constraints count by kind: where no address may be signed, all are excluded.
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
