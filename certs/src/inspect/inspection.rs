//! Collects CAs, leaf certificates, trust bundles and rotations.

use super::description::CertificateDescription;
use super::finding::{CertificateFinding, Remedy};
use super::material::Material;
use super::presented::PresentedChain;
use crate::bundle::Bundle;
use crate::certificate::{ChainError, PrivateKey, PrivateKeyError, parse};
use crate::record::{CA_CRT, CURRENT, NEXT, PREVIOUS, Record, SecretData, TLS_CRT, TLS_KEY};
use crate::rotation::{RotationPhase, Schedule};
use crate::webhooks::WebhookConfiguration;
use rustls::pki_types::CertificateDer;
use std::time::SystemTime;

/// Everything that was collected.
#[derive(Debug, Default)]
pub struct Inspection {
    pub(super) authorities: Vec<InspectedCa>,
    pub(super) leaves: Vec<InspectedLeaf>,
    pub(super) trust_bundles: Vec<InspectedBundle>,
    pub(super) rotations: Vec<RotationState>,
    /// Findings from parsing.
    pub(super) problems: Vec<CertificateFinding>,
}

/// The role of a CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaRole {
    /// It signs.
    Current,
    /// It will sign.
    Next,
    /// It no longer signs, but its leaf certificates may still be served.
    Previous,
    /// It is from a file without a role.
    Given,
}

/// A CA, and where it was found.
#[derive(Debug)]
pub(super) struct InspectedCa {
    pub(super) place: String,
    pub(super) role: CaRole,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) description: CertificateDescription,
}

/// A leaf certificate that is or could be served.
#[derive(Debug)]
pub(super) struct InspectedLeaf {
    pub(super) place: String,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) description: CertificateDescription,
    pub(super) key: KeyProof,
    /// The names that it has to be valid for.
    pub(super) names: Vec<String>,
}

/// What is known of a certificate's private key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyProof {
    /// The key matches, or the server has used it in a handshake.
    Matches,
    /// The key at this place belongs to another certificate.
    Mismatch(String),
    /// No key was given.
    Unknown,
}

/// A trust bundle of clients.
#[derive(Debug)]
pub(super) struct InspectedBundle {
    pub(super) place: String,
    pub(super) bundle: Bundle,
    /// The names by which the clients call the server.
    pub(super) names: Vec<String>,
    pub(super) failure_policy: Option<String>,
}

/// The state of a CA's rotation.
#[derive(Debug)]
pub(super) struct RotationState {
    pub(super) place: String,
    pub(super) generation: u64,
    pub(super) phase: RotationPhase,
    pub(super) next_step: Option<SystemTime>,
}

// === impl Inspection ===

impl Inspection {
    /// Adds a store: a CA with its record, a leaf certificate with its key, a trust bundle, or several of them. `place`
    /// names the store, and `entry` returns the place of one of its entries.
    pub fn add_store(
        &mut self,
        place: &str,
        entry: impl Fn(&str) -> String,
        data: &SecretData,
        schedule: Schedule,
    ) {
        let names = match Record::read_any(data) {
            Ok(Some(record)) => self.add_record(place, &entry, &record, schedule),
            Ok(None) => Vec::new(),
            Err(invalid) => {
                let remedy = "put back what was there, or remove everything: then a new CA is made";
                self.add_problem(place, format!("{invalid}; {remedy}"));
                Vec::new()
            }
        };
        self.add_stored_leaf(&entry, data, &names);
        if let Some(pem) = data.get(CA_CRT) {
            let bundle = Bundle::read(pem);
            self.trust_bundles.push(InspectedBundle { names, ..InspectedBundle::new(entry(CA_CRT), bundle) });
        }
        if !data.keys().any(|name| name == TLS_CRT || Record::ENTRIES.contains(&name.as_str())) {
            let finding = CertificateFinding::new(place, "holds no certificate");
            self.problems.push(finding.with_remedy(Remedy::IssueCertificate));
        }
    }

    /// Adds certificates and keys from files. Unless a trust bundle was added before, the CAs among them are one.
    pub fn add_files(&mut self, materials: Vec<Material>, names: &[String]) {
        let mut keys = Vec::new();
        let mut chains = Vec::new();
        for Material { place, certificates, key } in materials {
            keys.extend(key.map(|key| (place.clone(), key)));
            chains.push((place, certificates));
        }
        let mut given = InspectedBundle::new("the CA given".to_owned(), Bundle::new());
        for (place, chain) in chains {
            let is_leaf = chain.first().is_some_and(|first| !is_authority(first));
            for certificate in chain.iter().filter(|certificate| is_authority(certificate)) {
                given.bundle.extend(&Bundle::from(vec![certificate.clone()]));
                self.add_authority(place.clone(), CaRole::Given, certificate);
            }
            if is_leaf {
                let has_key = keys.iter().any(|(_, key)| matches_first(key, &chain));
                let key = if has_key { KeyProof::Matches } else { KeyProof::Unknown };
                self.add_leaf(place, chain, key, names.to_vec());
            }
        }
        self.check_keys(&keys);
        if !given.bundle.is_empty() && self.trust_bundles.is_empty() {
            self.trust_bundles.push(given);
        }
    }

    /// Adds a file as a trust bundle.
    pub fn add_trust_bundle(&mut self, material: &Material) {
        let bundle = Bundle::from(material.certificates.clone());
        self.trust_bundles.push(InspectedBundle::new(material.place.clone(), bundle));
    }

    /// Adds what a server presented. The handshake has proved that the server has the key.
    pub fn add_presented(&mut self, place: &str, presented: PresentedChain, names: &[String]) {
        self.add_leaf(place.to_owned(), presented.0, KeyProof::Matches, names.to_vec());
    }

    /// Adds the trust bundles of webhooks.
    pub fn add_configurations(&mut self, configurations: &[WebhookConfiguration]) {
        for configuration in configurations {
            for webhook in &configuration.webhooks {
                self.trust_bundles.push(InspectedBundle {
                    place: format!("{configuration}: {}", webhook.name),
                    bundle: Bundle::read(&webhook.bundle),
                    names: webhook.host.iter().cloned().collect(),
                    failure_policy: Some(webhook.failure_policy.clone()),
                });
            }
        }
    }

    /// Adds a finding about something that could not be added. `message` includes the remedy.
    pub fn add_problem(&mut self, place: &str, message: impl Into<String>) {
        self.problems.push(CertificateFinding::new(place, message));
    }

    /// Returns one line that counts what was inspected, for an inspection without findings.
    pub fn summary(&self) -> String {
        let counted = |count, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        format!(
            "nothing wrong: {}, {}, {}",
            counted(self.authorities.len(), "CA"),
            counted(self.leaves.len(), "certificate"),
            counted(self.trust_bundles.len(), "trust bundle")
        )
    }

    /// Adds the CAs and the rotation of a record, and returns the names that it is for.
    fn add_record(
        &mut self,
        place: &str,
        entry: impl Fn(&str) -> String,
        record: &Record,
        schedule: Schedule,
    ) -> Vec<String> {
        let next = record.next.as_ref().map(|next| Bundle::read(next.pair.certificate.as_bytes()));
        let previous = record.previous.as_ref().map(|previous| previous.bundle.clone());
        for (name, role, bundle) in [
            (CURRENT.certificate, CaRole::Current, Some(record.signing())),
            (NEXT.certificate, CaRole::Next, next),
            (PREVIOUS, CaRole::Previous, previous),
        ] {
            for certificate in bundle.iter().flat_map(Bundle::certificates) {
                self.add_authority(entry(name), role, certificate);
            }
        }
        self.rotations.push(RotationState {
            place: place.to_owned(),
            generation: record.generation,
            phase: record.phase(),
            next_step: record.next_step(&schedule.with_authority_of(record)),
        });
        record.names()
    }

    /// Adds the leaf certificate of a store, with its key.
    fn add_stored_leaf(&mut self, entry: impl Fn(&str) -> String, data: &SecretData, names: &[String]) {
        let Some(pem) = data.get(TLS_CRT) else { return };
        let chain = match Material::read(entry(TLS_CRT), pem) {
            Ok(material) if !material.certificates.is_empty() => material.certificates,
            Ok(_) => return self.add_problem(&entry(TLS_CRT), ChainError::Missing.to_string()),
            Err(error) => return self.add_problem(error.place(), error.problem()),
        };
        let key =
            data.get(TLS_KEY).map_or(KeyProof::Unknown, |pem| self.stored_key(entry(TLS_KEY), pem, &chain));
        self.add_leaf(entry(TLS_CRT), chain, key, names.to_vec());
    }

    fn stored_key(&mut self, place: String, pem: &[u8], chain: &[CertificateDer<'_>]) -> KeyProof {
        match Material::read(place, pem) {
            Ok(Material { key: Some(key), .. }) if matches_first(&key, chain) => KeyProof::Matches,
            Ok(Material { place, key: Some(_), .. }) => KeyProof::Mismatch(place),
            Ok(Material { place, key: None, .. }) => {
                self.add_problem(&place, PrivateKeyError::Missing.to_string());
                KeyProof::Unknown
            }
            Err(error) => {
                self.add_problem(error.place(), error.problem());
                KeyProof::Unknown
            }
        }
    }

    fn add_authority(&mut self, place: String, role: CaRole, certificate: &CertificateDer<'static>) {
        if self.authorities.iter().any(|known| known.certificate == *certificate) {
            return;
        }
        match CertificateDescription::of(certificate) {
            Ok(description) => {
                let certificate = certificate.clone();
                self.authorities.push(InspectedCa { place, role, certificate, description });
            }
            Err(error) => self.add_problem(&place, error.to_string()),
        }
    }

    fn add_leaf(
        &mut self,
        place: String,
        chain: Vec<CertificateDer<'static>>,
        key: KeyProof,
        names: Vec<String>,
    ) {
        let Some(first) = chain.first() else { return };
        match CertificateDescription::of(first) {
            Ok(description) => {
                self.leaves.push(InspectedLeaf { place, description, chain, key, names });
            }
            Err(error) => self.add_problem(&place, error.to_string()),
        }
    }

    /// Reports keys that match no certificate: they were given by mistake.
    fn check_keys(&mut self, keys: &[(String, PrivateKey)]) {
        for (place, key) in keys {
            let chains = self.leaves.iter().filter_map(|leaf| leaf.chain.first());
            let authorities = self.authorities.iter().map(|known| &known.certificate);
            let certificates: Vec<_> = chains.chain(authorities).collect();
            if certificates.is_empty() {
                self.add_problem(place, "is a private key alone; give its certificate, too");
            } else if !certificates.iter().any(|certificate| key.matches(certificate)) {
                let remedy = "give the two files that were made together";
                self.add_problem(place, format!("is the key of none of the certificates given; {remedy}"));
            }
        }
    }
}

/// Returns whether a key belongs to the first certificate.
fn matches_first(key: &PrivateKey, chain: &[CertificateDer<'_>]) -> bool {
    chain.first().is_some_and(|first| key.matches(first))
}

/// Returns whether a certificate may sign others.
fn is_authority(certificate: &CertificateDer<'_>) -> bool {
    parse(certificate).is_ok_and(|certificate| certificate.is_ca())
}

// === impl InspectedBundle ===

impl InspectedBundle {
    pub(super) const fn new(place: String, bundle: Bundle) -> Self {
        Self { place, bundle, names: Vec::new(), failure_policy: None }
    }
}

// === impl CaRole ===

impl CaRole {
    /// Returns the role in lower case, e.g. `current`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
            Self::Previous => "previous",
            Self::Given => "given",
        }
    }
}
