//! A CA for tests that signs arbitrary certificates as PEM.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::time::{Duration, SystemTime};

/// A certificate and its key as PEM.
#[derive(Clone)]
pub struct Pem {
    pub certificate: String,
    pub key: String,
}

/// A CA without constraints.
pub struct Signer {
    issuer: Issuer<'static, KeyPair>,
    pub ca: String,
}

/// The validity period of a certificate, relative to now.
#[derive(Clone, Copy)]
pub enum Dates {
    Current,
    Past,
    Future,
}

pub const HOUR: Duration = Duration::from_secs(3600);

impl Signer {
    pub fn new(name: &str) -> Self {
        Self::of(CertificateParams::default(), name)
    }

    /// An expired CA.
    pub fn expired(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.not_after = (SystemTime::now() - HOUR).into();
        Self::of(params, name)
    }

    fn of(mut params: CertificateParams, name: &str) -> Self {
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), ca }
    }

    /// A certificate for `localhost` with this common name.
    pub fn leaf(&self, common_name: &str) -> Pem {
        self.sign(common_name, &["localhost"], Dates::Current)
    }

    pub fn sign(&self, common_name: &str, dns: &[&str], dates: Dates) -> Pem {
        let names: Vec<String> = dns.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let (from, until) = dates.span(SystemTime::now());
        params.not_before = from.into();
        params.not_after = until.into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pem { certificate, key: key.serialize_pem() }
    }
}

impl Dates {
    fn span(self, now: SystemTime) -> (SystemTime, SystemTime) {
        match self {
            Self::Current => (now - HOUR, now + HOUR),
            Self::Past => (now - 2 * HOUR, now - HOUR),
            Self::Future => (now + HOUR, now + 2 * HOUR),
        }
    }
}
