//! What certificates there are, who trusts what, and what is wrong with it, for people who look into it.
//!
//! An [`Inspection`] takes in whatever somebody found, a store, files, webhook configurations, what a server presents, and
//! compares each with each. It is asked about one moment, and has never a byte of a private key to tell.

mod described;
mod document;
mod findings;
mod material;
mod presented;
mod text;

pub use described::Described;
pub use document::Document;
pub use findings::{Finding, When};
pub use material::{Material, MaterialError};
pub use presented::{Presented, PresentedError, presented};
pub use text::{Paint, left};

use crate::bundle::Bundle;
use crate::pair::{Key, parse};
use crate::record::{CURRENT, Data, NEXT, PREVIOUS, Record};
use crate::rotation::{Phase, Schedule};
use crate::webhooks::Configuration;
use rustls::pki_types::CertificateDer;
use std::time::SystemTime;

/// The served certificate of a store, with those that signed it.
pub const CERTIFICATE: &str = "tls.crt";

/// Its private key.
pub const KEY: &str = "tls.key";

/// What its clients are to trust.
pub const TRUSTED: &str = "ca.crt";

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Inspection {
    authorities: Vec<Ca>,
    leaves: Vec<Leaf>,
    trusts: Vec<Trust>,
    courses: Vec<Course>,
    troubles: Vec<Finding>,
}

/// What a CA is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It signs.
    Current,
    /// It will sign.
    Next,
    /// It has signed what may still be served.
    Previous,
    /// It was given, and nobody said what for.
    Given,
}

/// A CA, and where it was found.
#[derive(Debug)]
struct Ca {
    place: String,
    role: Role,
    certificate: CertificateDer<'static>,
    described: Described,
}

/// A certificate that is served, or could be.
#[derive(Debug)]
struct Leaf {
    place: String,
    chain: Vec<CertificateDer<'static>>,
    described: Described,
    proof: Proof,
    /// The names that it is needed for.
    names: Vec<String>,
}

/// What is known of a certificate's key.
#[derive(Debug, PartialEq, Eq)]
enum Proof {
    /// It is there, or was used.
    Own,
    /// There is another one, here.
    Foreign(String),
    /// Nobody showed any.
    Unseen,
}

/// Whom a client trusts.
#[derive(Debug)]
struct Trust {
    place: String,
    bundle: Bundle,
    /// The names by which the client calls.
    names: Vec<String>,
    failure_policy: Option<String>,
}

/// Where a rotation is, and what comes next.
#[derive(Debug)]
struct Course {
    place: String,
    generation: u64,
    phase: Phase,
    next_step: Option<SystemTime>,
}

// === impl Inspection ===

impl Inspection {
    /// Takes in a store: a CA with its record, a certificate with its key and those it is trusted by, or several of
    /// these. `place` is the store's, and `entry` that of one of its entries.
    pub fn store(&mut self, place: &str, entry: impl Fn(&str) -> String, data: &Data, schedule: Schedule) {
        let names = match Record::read_any(data) {
            Ok(Some(record)) => self.record(place, &entry, &record, schedule),
            Ok(None) => Vec::new(),
            Err(unusable) => {
                let remedy = "put back what was there, or remove everything: then a new CA is made";
                self.trouble(place, format!("{unusable}; {remedy}"));
                Vec::new()
            }
        };
        self.pair(&entry, data, &names);
        if let Some(pem) = data.get(TRUSTED) {
            let bundle = Bundle::read(pem);
            self.trusts.push(Trust { place: entry(TRUSTED), bundle, names, failure_policy: None });
        }
        if !data.keys().any(|name| name == CERTIFICATE || Record::ENTRIES.contains(&name.as_str())) {
            self.trouble(
                place,
                "holds no certificate; `ordinance certs issue` makes one in a directory".into(),
            );
        }
    }

    /// Takes in certificates and keys as they were given. What of it can sign is trusted, unless it was said before who is.
    pub fn files(&mut self, materials: Vec<Material>, names: &[String]) {
        let mut keys = Vec::new();
        let mut chains = Vec::new();
        for Material { place, certificates, key } in materials {
            keys.extend(key.map(|key| (place.clone(), key)));
            chains.push((place, certificates));
        }
        let mut given = Trust { place: "the CA given".to_owned(), ..Trust::empty() };
        for (place, chain) in chains {
            let is_served = chain.first().is_some_and(|first| !is_authority(first));
            for certificate in chain.iter().filter(|certificate| is_authority(certificate)) {
                given.bundle.extend(&Bundle::from(vec![certificate.clone()]));
                self.authority(place.clone(), Role::Given, certificate);
            }
            if is_served {
                let is_proved = keys.iter().any(|(_, key)| proves(key, &chain));
                let proof = if is_proved { Proof::Own } else { Proof::Unseen };
                self.leaf(place, chain, proof, names.to_vec());
            }
        }
        self.stray_keys(&keys);
        if !given.bundle.is_empty() && self.trusts.is_empty() {
            self.trusts.push(given);
        }
    }

    /// Takes in whom somebody trusts.
    pub fn trusted(&mut self, material: &Material) {
        let bundle = Bundle::from(material.certificates.clone());
        self.trusts.push(Trust { place: material.place.clone(), bundle, ..Trust::empty() });
    }

    /// Takes in what a server presented, which has shown that it has the key.
    pub fn presented(&mut self, place: &str, presented: Presented, names: &[String]) {
        self.leaf(place.to_owned(), presented.0, Proof::Own, names.to_vec());
    }

    /// Takes in what webhooks trust.
    pub fn configurations(&mut self, configurations: &[Configuration]) {
        for configuration in configurations {
            for webhook in &configuration.webhooks {
                self.trusts.push(Trust {
                    place: format!("{configuration}: {}", webhook.name),
                    bundle: Bundle::read(&webhook.bundle),
                    names: webhook.host.iter().cloned().collect(),
                    failure_policy: Some(webhook.failure_policy.clone()),
                });
            }
        }
    }

    /// Takes in what is wrong with something that could not be taken in.
    pub fn trouble(&mut self, place: &str, message: String) {
        self.troubles.push(Finding { place: place.to_owned(), message });
    }

    /// How much was found, in one line.
    pub fn summary(&self) -> String {
        let counted = |count, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        format!(
            "nothing wrong: {}, {}, {} of trust",
            counted(self.authorities.len(), "CA"),
            counted(self.leaves.len(), "certificate"),
            counted(self.trusts.len(), "place")
        )
    }

    fn record(
        &mut self,
        place: &str,
        entry: impl Fn(&str) -> String,
        record: &Record,
        schedule: Schedule,
    ) -> Vec<String> {
        let coming = record.next.as_ref().map(|next| Bundle::read(next.issued.certificate.as_bytes()));
        let retired = record.previous.as_ref().map(|previous| previous.bundle.clone());
        for (name, role, bundle) in [
            (CURRENT.certificate, Role::Current, Some(record.signing())),
            (NEXT.certificate, Role::Next, coming),
            (PREVIOUS, Role::Previous, retired),
        ] {
            for certificate in bundle.iter().flat_map(Bundle::certificates) {
                self.authority(entry(name), role, certificate);
            }
        }
        self.courses.push(Course {
            place: place.to_owned(),
            generation: record.generation,
            phase: record.phase(),
            next_step: record.next_step(&schedule.like(record)),
        });
        record.names()
    }

    /// A store's certificate, with its key.
    fn pair(&mut self, entry: impl Fn(&str) -> String, data: &Data, names: &[String]) {
        let Some(pem) = data.get(CERTIFICATE) else { return };
        let chain = match Material::read(entry(CERTIFICATE), pem) {
            Ok(material) if !material.certificates.is_empty() => material.certificates,
            Ok(_) => return self.trouble(&entry(CERTIFICATE), crate::ChainError::Missing.to_string()),
            Err(error) => return self.trouble(error.place(), error.problem()),
        };
        let key = data.get(KEY).map(|pem| Material::read(entry(KEY), pem));
        let proof = match key {
            Some(Ok(Material { key: Some(key), .. })) if proves(&key, &chain) => Proof::Own,
            Some(Ok(Material { place, key: Some(_), .. })) => Proof::Foreign(place),
            Some(Ok(Material { place, key: None, .. })) => {
                self.trouble(&place, crate::KeyError::Missing.to_string());
                Proof::Unseen
            }
            Some(Err(error)) => {
                self.trouble(error.place(), error.problem());
                Proof::Unseen
            }
            None => Proof::Unseen,
        };
        self.leaf(entry(CERTIFICATE), chain, proof, names.to_vec());
    }

    fn authority(&mut self, place: String, role: Role, certificate: &CertificateDer<'static>) {
        if self.authorities.iter().any(|known| known.certificate == *certificate) {
            return;
        }
        match Described::of(certificate) {
            Ok(described) => {
                let certificate = certificate.clone();
                self.authorities.push(Ca { place, role, certificate, described });
            }
            Err(error) => self.trouble(&place, error.to_string()),
        }
    }

    fn leaf(&mut self, place: String, chain: Vec<CertificateDer<'static>>, proof: Proof, names: Vec<String>) {
        let Some(first) = chain.first() else { return };
        match Described::of(first) {
            Ok(described) => self.leaves.push(Leaf { place, described, chain, proof, names }),
            Err(error) => self.trouble(&place, error.to_string()),
        }
    }

    /// A key that is no certificate's was given by mistake.
    fn stray_keys(&mut self, keys: &[(String, Key)]) {
        for (place, key) in keys {
            let chains = self.leaves.iter().filter_map(|leaf| leaf.chain.first());
            let authorities = self.authorities.iter().map(|known| &known.certificate);
            let certificates: Vec<_> = chains.chain(authorities).collect();
            if certificates.is_empty() {
                self.trouble(place, "is a private key alone; give its certificate, too".to_owned());
            } else if !certificates.iter().any(|certificate| key.is_of(certificate)) {
                let remedy = "give the two files that were made together";
                self.trouble(place, format!("is the key of none of the certificates given; {remedy}"));
            }
        }
    }
}

/// Whether a key is that of the first certificate.
fn proves(key: &Key, chain: &[CertificateDer<'_>]) -> bool {
    chain.first().is_some_and(|first| key.is_of(first))
}

/// Whether a certificate can sign others.
fn is_authority(certificate: &CertificateDer<'_>) -> bool {
    parse(certificate).is_ok_and(|certificate| certificate.is_ca())
}

// === impl Trust ===

impl Trust {
    const fn empty() -> Self {
        Self { place: String::new(), bundle: Bundle::new(), names: Vec::new(), failure_policy: None }
    }
}

// === impl Role ===

impl Role {
    /// In one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
            Self::Previous => "previous",
            Self::Given => "given",
        }
    }
}
