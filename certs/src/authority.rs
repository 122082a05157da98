//! An authority: a CA that can sign for the service's names and no others, and the leaves that it issues.
//!
//! Serial numbers are random. What is signed is valid from an hour before it was made, for clients whose clock is
//! behind, and no leaf counts longer than its authority.

use crate::pair::{Chain, ChainError, Key, KeyError, Mismatch, Pair, Validity, parse};
use crate::provider;
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

/// How far a client's clock may be behind.
pub(crate) const BACKDATED: Duration = Duration::from_secs(60 * 60);

/// Bytes of a serial number; RFC 5280 allows 20.
const SERIAL_BYTES: usize = 16;

/// Bytes of a random number that a CA has in its name, so that people can tell two apart.
const NAME_BYTES: usize = 4;

/// A CA with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    names: Vec<String>,
    validity: Validity,
}

/// A certificate with its key, both as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
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
    /// A CA that was kept can't be used.
    #[error("{0}")]
    Kept(#[from] NoAuthority),
}

/// Why a certificate with a key is no authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAuthority {
    /// The certificate can't be read.
    #[error("the certificate {0}")]
    Certificate(#[from] ChainError),
    /// The key can't be read.
    #[error("the key can't be read")]
    Key,
    /// The key is another certificate's.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The certificate can't sign others.
    #[error("the certificate is none of a CA")]
    Leaf,
}

// === impl Lifetime ===

impl Lifetime {
    /// As many days.
    pub const fn days(days: u64) -> Self {
        Self(Duration::from_secs(days * 24 * 60 * 60))
    }
}

// === impl Issued ===

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Issued {
    /// When it counts; none if the certificate can't be read.
    pub fn validity(&self) -> Option<Validity> {
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes()).ok()?;
        Validity::of(&der).ok()
    }

    /// As it is served.
    ///
    /// # Errors
    ///
    /// If it is not in date at `now`, or no pair.
    pub fn pair(&self, now: SystemTime) -> Result<Pair, AuthorityError> {
        let chain = Chain::from_pem(self.certificate.as_bytes(), now)?;
        Ok(Pair::new(chain, Key::from_pem(self.key.as_bytes())?)?)
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

    /// A CA that was made before, from PEM. Whether it is in date is not looked at.
    ///
    /// # Errors
    ///
    /// If it is no CA, or the key is not its own.
    pub fn from_pem(issued: &Issued) -> Result<Self, NoAuthority> {
        let der =
            CertificateDer::from_pem_slice(issued.certificate.as_bytes()).map_err(|_| ChainError::Missing)?;
        let key = KeyPair::from_pem(&issued.key).map_err(|_| NoAuthority::Key)?;
        let (names, validity) = {
            let certificate = parse(&der)?;
            if certificate.public_key().subject_public_key.data != key.public_key_raw() {
                return Err(Mismatch.into());
            }
            if !certificate.is_ca() {
                return Err(NoAuthority::Leaf);
            }
            (permitted(&certificate), Validity::of(&der)?)
        };
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|_| NoAuthority::Leaf)?;
        Ok(Self { issuer, certificate: issued.certificate.clone(), names, validity })
    }

    /// The CA's certificate as PEM, for `caBundle`.
    pub fn pem(&self) -> String {
        self.certificate.clone()
    }

    /// The CA with its key, to be kept.
    pub fn issued(&self) -> Issued {
        Issued { certificate: self.certificate.clone(), key: self.issuer.key().serialize_pem() }
    }

    /// The names that it can sign for.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// When it counts.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// A leaf for the authority's names, with a new key that never leaves memory.
    ///
    /// # Errors
    ///
    /// If signing fails.
    pub fn issue(&self, now: SystemTime, lifetime: Lifetime) -> Result<Pair, AuthorityError> {
        self.sign(now, now + lifetime.0)?.pair(now)
    }

    /// A leaf for the authority's names, with its key, until a moment but never longer than the authority counts.
    ///
    /// # Errors
    ///
    /// If signing fails.
    pub fn sign(&self, now: SystemTime, until: SystemTime) -> Result<Issued, AuthorityError> {
        let name = self.names.first().map_or("ordinance", String::as_str);
        let from = (now - BACKDATED).max(self.validity.not_before);
        let mut params = params(&self.names, name, from, until.min(self.validity.not_after))?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// What CA and leaf have in common.
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
    params.serial_number = Some(serial()?);
    Ok(params)
}

/// A random positive number.
fn serial() -> Result<SerialNumber, AuthorityError> {
    let positive = u128::from_be_bytes(random::<SERIAL_BYTES>()?) >> 1 | 1;
    Ok(SerialNumber::from(positive.to_be_bytes().to_vec()))
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], AuthorityError> {
    let mut bytes = [0_u8; N];
    provider().secure_random.fill(&mut bytes).map_err(|_| AuthorityError::Random)?;
    Ok(bytes)
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

/// The names that a CA's constraints permit.
pub(crate) fn permitted(certificate: &X509Certificate<'_>) -> Vec<String> {
    let constraints = certificate.name_constraints().ok().flatten();
    let subtrees = constraints.and_then(|extension| extension.value.permitted_subtrees.as_ref());
    subtrees.into_iter().flatten().filter_map(|subtree| name(&subtree.base)).collect()
}

/// A DNS name, or an address whose mask is all ones.
fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let (address, mask) = bytes.split_at(bytes.len() / 2);
            mask.iter().all(|byte| *byte == u8::MAX).then(|| address_of(address)).flatten()
        }
        _ => None,
    }
}

pub(crate) fn address_of(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()?;
    Some(address.to_string())
}
