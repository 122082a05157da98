//! An inspection for other programs: `docs/certificates.md` says what the fields are.

use super::{Ca, Course, Described, Finding, Inspection, Leaf, Proof, Trust, When};
use crate::pair::Moment;
use crate::rotation::{Phase, Step};
use serde::Serialize;
use std::time::SystemTime;

/// Everything that was found, and what is wrong with it.
#[derive(Debug, Serialize)]
pub struct Document {
    at: String,
    authorities: Vec<Authority>,
    certificates: Vec<Certificate>,
    trusts: Vec<Trusted>,
    rotations: Vec<Rotation>,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Authority {
    place: String,
    role: &'static str,
    #[serde(flatten)]
    told: Told,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    place: String,
    /// Whether its key is there: `null` if nobody showed one.
    key_matches: Option<bool>,
    #[serde(flatten)]
    told: Told,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
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
struct Trusted {
    place: String,
    names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_policy: Option<String>,
    authorities: Vec<Member>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    subject: String,
    sha256: String,
    not_after: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rotation {
    place: String,
    generation: u64,
    phase: Phase,
    next_step: Step,
    /// `null` while others have to do something first.
    next_step_at: Option<String>,
}

// === impl Inspection ===

impl Inspection {
    /// For other programs, with what is wrong at a moment.
    pub fn document(&self, when: When) -> Document {
        Document {
            at: written(when.at),
            authorities: self.authorities.iter().map(Authority::from).collect(),
            certificates: self.leaves.iter().map(Certificate::from).collect(),
            trusts: self.trusts.iter().map(Trusted::from).collect(),
            rotations: self.courses.iter().map(Rotation::from).collect(),
            findings: self.findings(when),
        }
    }
}

fn written(moment: SystemTime) -> String {
    Moment::from(moment).rfc3339()
}

impl From<&Ca> for Authority {
    fn from(known: &Ca) -> Self {
        Self { place: known.place.clone(), role: known.role.as_str(), told: Told::from(&known.described) }
    }
}

impl From<&Leaf> for Certificate {
    fn from(leaf: &Leaf) -> Self {
        let key_matches = match leaf.proof {
            Proof::Own => Some(true),
            Proof::Foreign(_) => Some(false),
            Proof::Unseen => None,
        };
        Self { place: leaf.place.clone(), key_matches, told: Told::from(&leaf.described) }
    }
}

impl From<&Described> for Told {
    fn from(described: &Described) -> Self {
        let Described { subject, issuer, sha256, key_id, validity, names, .. } = described.clone();
        let (not_before, not_after) = (written(validity.not_before), written(validity.not_after));
        Self { subject, issuer, sha256, key_id, not_before, not_after, names }
    }
}

impl From<&Trust> for Trusted {
    fn from(trust: &Trust) -> Self {
        let described = trust.bundle.certificates().iter().filter_map(|der| Described::of(der).ok());
        Self {
            place: trust.place.clone(),
            names: trust.names.clone(),
            failure_policy: trust.failure_policy.clone(),
            authorities: described.map(Member::from).collect(),
        }
    }
}

impl From<Described> for Member {
    fn from(described: Described) -> Self {
        let not_after = written(described.validity.not_after);
        Self { subject: described.subject, sha256: described.sha256, not_after }
    }
}

impl From<&Course> for Rotation {
    fn from(course: &Course) -> Self {
        let Course { place, generation, phase, next_step } = course;
        Self {
            place: place.clone(),
            generation: *generation,
            phase: *phase,
            next_step: phase.next(),
            next_step_at: next_step.map(written),
        }
    }
}
