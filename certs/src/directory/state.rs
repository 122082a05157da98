//! The content of a certificate directory, and the changes to it.

use super::error::DirectoryError;
use crate::authority::{Authority, AuthorityError, BACKDATED, Lifetime, PemPair};
use crate::bundle::Bundle;
use crate::certificate::Validity;
use crate::record::{CA_CRT, Record, SecretData, TLS_CRT, TLS_KEY};
use crate::rotation::{
    ObservedState, Rotation, RotationPhase, RotationStep, Schedule, StepDecision, StepPolicy,
};
use crate::verification::{TrustError, verify};
use rustls::pki_types::{CertificateDer, ServerName};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// The default lifetime of a CA. It is long, because an operator has to distribute each new CA to every client.
const DEFAULT_AUTHORITY: Lifetime = Lifetime::days(5 * 365);

/// The default lifetime of a leaf certificate.
const DEFAULT_LEAF: Lifetime = Lifetime::days(90);

/// The longest lifetime of a certificate.
const LONGEST: Duration = Lifetime::days(100 * 365).0;

/// More steps than can be due at once.
const MAX_STEPS: usize = 8;

const LEAF_LIFETIME: &str = "leaf-lifetime";
const AUTHORITY_LIFETIME: &str = "authority-lifetime";

/// Requested options; unset ones keep their stored value.
#[derive(Clone, Debug, Default)]
pub struct IssueOptions {
    /// DNS names and addresses; empty for those of the stored CA.
    pub names: Vec<String>,
    /// The lifetime of leaf certificates.
    pub leaf: Option<Duration>,
    /// The lifetime of the CA.
    pub authority: Option<Duration>,
}

/// A change to a certificate directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryChange {
    /// Made the first CA.
    CreatedAuthority,
    /// Took a step of the rotation.
    TookStep(RotationStep),
    /// Signed a leaf certificate.
    SignedLeaf(SigningReason),
    /// Put back missing or edited files, or stored changed lifetimes.
    RestoredFiles,
}

/// What is known of the bundles that clients use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientTrust {
    /// Nothing is known.
    Unknown,
    /// The operator confirms that every client has the directory's bundle.
    Confirmed,
    /// The bundle of each client, as observed.
    Observed(Vec<Bundle>),
}

/// Why a leaf certificate was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SigningReason {
    /// There was none.
    First,
    /// Two thirds of its life were over.
    Due,
    /// Another CA signs now.
    NewSigner,
    /// The stored one could not be served, for this reason.
    Unusable(String),
}

/// The state of a directory after a change, and the result of the change.
#[derive(Debug)]
pub struct DirectoryOutcome<T> {
    /// The changes made, or the decision on a step.
    pub result: T,
    /// The phase of the rotation.
    pub phase: RotationPhase,
    /// The earliest time of the next step, or `None` if it depends on clients and not on time.
    pub next_step: Option<SystemTime>,
    /// When the leaf certificate is due for renewal.
    pub renewal: SystemTime,
    /// The trust bundle for clients, PEM.
    pub bundle: String,
    /// The names that the CA and the leaf certificate are for.
    pub names: Vec<String>,
}

/// The content of a certificate directory.
#[derive(Debug)]
pub(super) struct DirectoryState {
    record: Record,
    leaf: Option<PemPair>,
    rotation: Rotation,
}

// === impl DirectoryState ===

impl DirectoryState {
    /// Makes a new CA, which no client trusts yet.
    pub(super) fn create(
        options: &IssueOptions,
        wait: Duration,
        now: SystemTime,
    ) -> Result<Self, DirectoryError> {
        let names = normalized(&options.names);
        if names.is_empty() {
            return Err(DirectoryError::NoNames);
        }
        if let Some(name) = names.iter().find(|name| ServerName::try_from(name.as_str()).is_err()) {
            return Err(DirectoryError::InvalidName(name.clone()));
        }
        let mut rotation = Rotation::new(names, schedule(options, &SecretData::new(), wait)?);
        let first = rotation.step(&ObservedState { now, stored: Ok(None), bundles: &[] })?;
        let record = first.ok_or(DirectoryError::NoNames)?;
        Ok(Self { record, leaf: None, rotation })
    }

    /// Combines a stored record with the rest of the stored files.
    pub(super) fn new(
        record: Record,
        data: &SecretData,
        options: &IssueOptions,
        wait: Duration,
    ) -> Result<Self, DirectoryError> {
        let text = |name: &str| data.get(name).and_then(|bytes| String::from_utf8(bytes.clone()).ok());
        let leaf = text(TLS_CRT).zip(text(TLS_KEY)).map(|(certificate, key)| PemPair { certificate, key });
        let rotation = Rotation::new(record.names(), schedule(options, data, wait)?);
        Ok(Self { record, leaf, rotation })
    }

    /// Returns the files to store.
    pub(super) fn data(&self) -> SecretData {
        let mut data = self.record.data();
        let mut put = |name: &str, text: String| data.insert(name.to_owned(), text.into_bytes());
        put(CA_CRT, self.record.bundle().pem());
        let schedule = self.rotation.schedule();
        put(LEAF_LIFETIME, humantime::format_duration(schedule.leaf.0).to_string());
        put(AUTHORITY_LIFETIME, humantime::format_duration(schedule.authority.0).to_string());
        if let Some(leaf) = &self.leaf {
            put(TLS_CRT, leaf.certificate.clone());
            put(TLS_KEY, leaf.key.clone());
        }
        data
    }

    /// Takes the steps that are due and safe.
    pub(super) fn take_due_steps(&mut self, now: SystemTime) -> Result<Vec<RotationStep>, AuthorityError> {
        let mut steps = Vec::new();
        while steps.len() < MAX_STEPS && self.is_due(now) {
            let decision = self.next_step(&[], StepPolicy::WhenSafe, now)?;
            let StepDecision::Take(step, record) = decision else { break };
            self.record = *record;
            steps.push(step);
        }
        Ok(steps)
    }

    fn is_due(&self, now: SystemTime) -> bool {
        let next_step = self.record.next_step(self.rotation.schedule());
        next_step.into_iter().chain(self.authority_expiry()).any(|due| due <= now)
    }

    /// Decides on the next step as requested by an operator, and takes it if the decision is to.
    pub(super) fn take_next_step(
        &mut self,
        trust: &ClientTrust,
        policy: StepPolicy,
        now: SystemTime,
    ) -> Result<StepDecision, AuthorityError> {
        let no_trust = [Bundle::new()];
        let bundles = match trust {
            ClientTrust::Observed(bundles) => bundles.as_slice(),
            // An empty bundle keeps the rotation from confirming the next CA. Once confirmed it stays so.
            ClientTrust::Unknown if self.record.phase() == RotationPhase::Confirm => &no_trust,
            ClientTrust::Unknown | ClientTrust::Confirmed => &[],
        };
        let decision = self.next_step(bundles, policy, now)?;
        if let StepDecision::Take(_, record) = &decision {
            self.record = (**record).clone();
        }
        Ok(decision)
    }

    fn next_step(
        &self,
        bundles: &[Bundle],
        policy: StepPolicy,
        now: SystemTime,
    ) -> Result<StepDecision, AuthorityError> {
        let observed = ObservedState { now, stored: Ok(Some(&self.record)), bundles };
        self.rotation.manual_step(&self.record, &observed, policy)
    }

    /// Signs a new leaf certificate if there is a reason to, and returns the reason.
    pub(super) fn renew_leaf(&mut self, now: SystemTime) -> Result<Option<SigningReason>, AuthorityError> {
        let until = now + self.rotation.schedule().leaf.0;
        let Some(reason) = self.signing_reason(now, until) else { return Ok(None) };
        let authority = Authority::from_pem(&self.record.current)?;
        let mut leaf = authority.sign(now, until)?;
        // Clients have the CA already. People who inspect the file see its issuer.
        leaf.certificate.push_str(&self.record.current.certificate);
        self.leaf = Some(leaf);
        Ok(Some(reason))
    }

    fn signing_reason(&self, now: SystemTime, until: SystemTime) -> Option<SigningReason> {
        let Some(leaf) = &self.leaf else { return Some(SigningReason::First) };
        let serving = match leaf.serving(now) {
            Ok(serving) => serving,
            Err(error) => return Some(SigningReason::Unusable(error.to_string())),
        };
        let validity = serving.validity();
        let rejected =
            self.rotation.names().iter().find_map(|name| self.rejection(serving.certificates(), name, now));
        let gain = until.min(self.authority_expiry()?);
        let is_due = due(validity) <= now && validity.not_after + Duration::from_secs(1) < gain;
        rejected.or_else(|| is_due.then_some(SigningReason::Due))
    }

    /// Returns why a client that trusts only the current CA would reject the chain.
    fn rejection(
        &self,
        chain: &[CertificateDer<'static>],
        name: &str,
        now: SystemTime,
    ) -> Option<SigningReason> {
        match verify(self.record.signing().certificates(), chain, name, now).err()? {
            TrustError::UnknownIssuer | TrustError::IssuerNotInDate => Some(SigningReason::NewSigner),
            TrustError::WrongName => Some(SigningReason::Unusable(format!("it is not for {name}"))),
            TrustError::NotInDate => Some(SigningReason::Due),
            TrustError::Other(why) => Some(SigningReason::Unusable(why)),
        }
    }

    /// Returns when the current CA expires.
    fn authority_expiry(&self) -> Option<SystemTime> {
        self.record.current.validity().map(|current| current.not_after)
    }

    pub(super) fn outcome<T>(&self, result: T) -> DirectoryOutcome<T> {
        let leaf = self.leaf.as_ref().and_then(PemPair::validity);
        DirectoryOutcome {
            result,
            phase: self.record.phase(),
            next_step: self.record.next_step(self.rotation.schedule()),
            renewal: leaf.map_or(SystemTime::UNIX_EPOCH, due),
            bundle: self.record.bundle().pem(),
            names: self.rotation.names().to_vec(),
        }
    }
}

/// Returns when a leaf certificate is due for renewal: after two thirds of its life.
fn due(validity: Validity) -> SystemTime {
    let signed = validity.not_before + BACKDATED;
    validity.not_after - validity.not_after.duration_since(signed).unwrap_or_default() / 3
}

/// Takes the lifetimes from the options, then from the stored files, then from the defaults.
fn schedule(options: &IssueOptions, data: &SecretData, wait: Duration) -> Result<Schedule, DirectoryError> {
    let stored = |name: &str| {
        let text = data.get(name).and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.and_then(|text| humantime::parse_duration(text.trim()).ok())
    };
    let leaf = options.leaf.or_else(|| stored(LEAF_LIFETIME)).unwrap_or(DEFAULT_LEAF.0);
    let authority = options.authority.or_else(|| stored(AUTHORITY_LIFETIME)).unwrap_or(DEFAULT_AUTHORITY.0);
    if !(Duration::from_secs(1)..=LONGEST).contains(&leaf) {
        return Err(DirectoryError::LeafLifetime(leaf));
    }
    if !(3 * leaf..=LONGEST).contains(&authority) {
        return Err(DirectoryError::AuthorityLifetime(authority));
    }
    let (leaf, authority) = (Lifetime(leaf), Lifetime(authority));
    // No skew: the clock of this machine decides every step.
    Ok(Schedule { authority, leaf, wait, skew: Duration::ZERO, ..Schedule::default() })
}

/// Returns names in the form that certificates have, without duplicates and blanks.
pub(super) fn normalized(names: &[String]) -> Vec<String> {
    let mut normalized: Vec<String> = Vec::new();
    for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        let name =
            name.parse::<IpAddr>().map_or_else(|_| name.to_ascii_lowercase(), |address| address.to_string());
        if !normalized.contains(&name) {
            normalized.push(name);
        }
    }
    normalized
}

// === impl DirectoryChange ===

impl fmt::Display for DirectoryChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreatedAuthority => f.write_str("made a CA"),
            Self::RestoredFiles => f.write_str("restored the files"),
            Self::TookStep(step) => write!(f, "took a step of the rotation: {step}"),
            Self::SignedLeaf(SigningReason::First) => f.write_str("signed a certificate"),
            Self::SignedLeaf(SigningReason::Due) => {
                f.write_str("renewed the certificate: two thirds of its life are over")
            }
            Self::SignedLeaf(SigningReason::NewSigner) => {
                f.write_str("renewed the certificate: another CA signs now")
            }
            Self::SignedLeaf(SigningReason::Unusable(why)) => {
                write!(f, "replaced the certificate: {why}")
            }
        }
    }
}
