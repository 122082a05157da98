//! An inspection as JSON, for other programs. `docs/certificates.md` documents the fields.

use super::description::CertificateDescription;
use super::finding::{InspectionTime, Remedy};
use super::inspection::{InspectedBundle, InspectedCa, InspectedLeaf, Inspection, KeyProof, RotationState};
use crate::rotation::{RotationPhase, RotationStep};
use crate::time::Timestamp;
use serde::Serialize;
use std::time::SystemTime;

/// Everything that was inspected, with the findings.
#[derive(Debug, Serialize)]
pub struct InspectionDocument {
    at: String,
    authorities: Vec<AuthorityEntry>,
    certificates: Vec<CertificateEntry>,
    trusts: Vec<TrustBundleEntry>,
    rotations: Vec<RotationEntry>,
    findings: Vec<FindingEntry>,
}

#[derive(Debug, Serialize)]
struct AuthorityEntry {
    place: String,
    role: &'static str,
    #[serde(flatten)]
    fields: CertificateFields,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateEntry {
    place: String,
    /// `null` if no key was given.
    key_matches: Option<bool>,
    #[serde(flatten)]
    fields: CertificateFields,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateFields {
    subject: String,
    issuer: String,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    not_before: String,
    not_after: String,
    names: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TrustBundleEntry {
    place: String,
    names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_policy: Option<String>,
    authorities: Vec<TrustedAuthority>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TrustedAuthority {
    subject: String,
    sha256: String,
    not_after: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RotationEntry {
    place: String,
    generation: u64,
    phase: RotationPhase,
    next_step: RotationStep,
    /// `null` if the step depends on clients and not on time.
    next_step_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct FindingEntry {
    place: String,
    message: String,
}

// === impl Inspection ===

impl Inspection {
    /// Returns the document as of `time`. `describe` words the remedies of findings.
    pub fn document(&self, time: InspectionTime, describe: impl Fn(&Remedy) -> String) -> InspectionDocument {
        let findings = self.findings(time).into_iter().map(|finding| {
            let message = finding.message(&describe);
            FindingEntry { place: finding.place, message }
        });
        InspectionDocument {
            at: rfc3339(time.at),
            authorities: self.authorities.iter().map(AuthorityEntry::from).collect(),
            certificates: self.leaves.iter().map(CertificateEntry::from).collect(),
            trusts: self.trust_bundles.iter().map(TrustBundleEntry::from).collect(),
            rotations: self.rotations.iter().map(RotationEntry::from).collect(),
            findings: findings.collect(),
        }
    }
}

fn rfc3339(time: SystemTime) -> String {
    Timestamp::from(time).rfc3339()
}

impl From<&InspectedCa> for AuthorityEntry {
    fn from(known: &InspectedCa) -> Self {
        let fields = CertificateFields::from(&known.description);
        Self { place: known.place.clone(), role: known.role.as_str(), fields }
    }
}

impl From<&InspectedLeaf> for CertificateEntry {
    fn from(leaf: &InspectedLeaf) -> Self {
        let key_matches = match leaf.key {
            KeyProof::Matches => Some(true),
            KeyProof::Mismatch(_) => Some(false),
            KeyProof::Unknown => None,
        };
        Self { place: leaf.place.clone(), key_matches, fields: CertificateFields::from(&leaf.description) }
    }
}

impl From<&CertificateDescription> for CertificateFields {
    fn from(description: &CertificateDescription) -> Self {
        let CertificateDescription { subject, issuer, sha256, key_id, validity, names, .. } =
            description.clone();
        let (not_before, not_after) = (rfc3339(validity.not_before), rfc3339(validity.not_after));
        Self { subject, issuer, sha256, key_id, not_before, not_after, names }
    }
}

impl From<&InspectedBundle> for TrustBundleEntry {
    fn from(trust: &InspectedBundle) -> Self {
        let certificates = trust.bundle.certificates().iter();
        let descriptions = certificates.filter_map(|der| CertificateDescription::of(der).ok());
        Self {
            place: trust.place.clone(),
            names: trust.names.clone(),
            failure_policy: trust.failure_policy.clone(),
            authorities: descriptions.map(TrustedAuthority::from).collect(),
        }
    }
}

impl From<CertificateDescription> for TrustedAuthority {
    fn from(description: CertificateDescription) -> Self {
        let not_after = rfc3339(description.validity.not_after);
        Self { subject: description.subject, sha256: description.sha256, not_after }
    }
}

impl From<&RotationState> for RotationEntry {
    fn from(rotation: &RotationState) -> Self {
        let RotationState { place, generation, phase, next_step } = rotation;
        Self {
            place: place.clone(),
            generation: *generation,
            phase: *phase,
            next_step: phase.next(),
            next_step_at: next_step.map(rfc3339),
        }
    }
}
