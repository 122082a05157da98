//! Checks leaf certificates, CAs and trust bundles against each other.

use super::finding::{CertificateFinding, InspectionTime, Remedy};
use super::inspection::{CaRole, InspectedBundle, InspectedCa, InspectedLeaf, Inspection, KeyProof};
use crate::bundle::Bundle;
use crate::certificate::Validity;
use crate::rotation::RotationPhase;
use crate::time::{Timestamp, rough_duration};
use crate::verification::{TrustError, verify};
use std::time::SystemTime;

// === impl Inspection ===

impl Inspection {
    /// Returns all findings as of `time`, without duplicates.
    pub fn findings(&self, time: InspectionTime) -> Vec<CertificateFinding> {
        let mut found = self.problems.clone();
        for leaf in &self.leaves {
            let validity = leaf.description.validity;
            found.extend(check_dates(&leaf.place, validity, time, Remedy::RenewLeaf));
            found.extend(leaf.check_key());
            found.extend(self.check_trust_of(leaf, time.at));
        }
        let is_checked = |known: &&InspectedCa| known.role != CaRole::Previous;
        for InspectedCa { place, description, .. } in self.authorities.iter().filter(is_checked) {
            found.extend(check_dates(place, description.validity, time, Remedy::RotateAuthority));
        }
        found.extend(self.trust_bundles.iter().flat_map(|trust| self.check_bundle(trust)));
        deduplicated(found)
    }

    /// Verifies a leaf certificate against every trust bundle.
    fn check_trust_of(&self, leaf: &InspectedLeaf, at: SystemTime) -> Vec<CertificateFinding> {
        if self.trust_bundles.is_empty() {
            return check_without_bundle(leaf, at);
        }
        self.trust_bundles.iter().flat_map(|trust| leaf.check_against(trust, at)).collect()
    }

    /// Checks that a trust bundle has every CA that it needs.
    fn check_bundle(&self, trust: &InspectedBundle) -> Vec<CertificateFinding> {
        let mut found = Vec::new();
        if trust.bundle.is_empty() {
            found.push(trust.finding("has no CA certificate; put the CA there".to_owned()));
        }
        for known in self.authorities.iter().filter(|known| self.is_needed(known)) {
            if !trust.bundle.is_empty() && !trust.bundle.certificates().contains(&known.certificate) {
                found.push(trust.lacks(known));
            }
            found.extend(known.check_names(trust));
        }
        found
    }

    /// Returns whether every trust bundle has to have a CA by now.
    fn is_needed(&self, known: &InspectedCa) -> bool {
        match known.role {
            CaRole::Current | CaRole::Previous => true,
            CaRole::Next => self.rotations.iter().any(|rotation| rotation.phase == RotationPhase::Wait),
            CaRole::Given => false,
        }
    }
}

/// Checks a leaf certificate without any trust bundle: only a self-signed one can be verified.
fn check_without_bundle(leaf: &InspectedLeaf, at: SystemTime) -> Vec<CertificateFinding> {
    let issuer = &leaf.description.issuer;
    if leaf.description.subject == *issuer {
        let itself = Bundle::from(leaf.chain.first().into_iter().cloned().collect::<Vec<_>>());
        return leaf.check_against(&InspectedBundle::new("its own signature".to_owned(), itself), at);
    }
    let finding = leaf.finding(format!("is signed by {issuer}, whose certificate is not given"));
    vec![finding.with_remedy(Remedy::GiveAuthority)]
}

fn check_dates(
    place: &str,
    validity: Validity,
    InspectionTime { at, within }: InspectionTime,
    remedy: Remedy,
) -> Option<CertificateFinding> {
    let expiry = Timestamp::from(validity.not_after);
    let finding = |problem: String| CertificateFinding::new(place, problem);
    if at > validity.not_after {
        Some(finding(format!("expired on {expiry}")).with_remedy(remedy))
    } else if at < validity.not_before {
        let begin = Timestamp::from(validity.not_before);
        Some(finding(format!("is not valid before {begin}; wait, or set the clock")))
    } else if validity.left(at) < within {
        let left = rough_duration(validity.left(at));
        Some(finding(format!("expires on {expiry}, in {left}")).with_remedy(remedy))
    } else {
        None
    }
}

fn deduplicated(found: Vec<CertificateFinding>) -> Vec<CertificateFinding> {
    let mut unique: Vec<CertificateFinding> = Vec::new();
    for finding in found {
        if !unique.contains(&finding) {
            unique.push(finding);
        }
    }
    unique
}

// === impl InspectedLeaf ===

impl InspectedLeaf {
    fn finding(&self, problem: String) -> CertificateFinding {
        CertificateFinding::new(&self.place, problem)
    }

    fn check_key(&self) -> Option<CertificateFinding> {
        let KeyProof::Mismatch(place) = &self.key else { return None };
        let problem =
            format!("is not the key of {}; put the two files there that were made together", self.place);
        Some(CertificateFinding::new(place, problem))
    }

    /// Verifies the certificate as clients with this bundle would. Leaves out its dates, which are checked once for all.
    fn check_against(&self, trust: &InspectedBundle, at: SystemTime) -> Vec<CertificateFinding> {
        let names = self.required_names(trust);
        names.iter().filter_map(|name| self.check_name_against(trust, name, at)).collect()
    }

    /// Returns the names that the certificate has to be valid for; without any, the first that it has.
    fn required_names(&self, trust: &InspectedBundle) -> Vec<String> {
        let mut names: Vec<String> = self.names.iter().chain(&trust.names).cloned().collect();
        if names.is_empty() {
            names.extend(self.description.names.first().cloned());
        }
        names
    }

    fn check_name_against(
        &self,
        trust: &InspectedBundle,
        name: &str,
        at: SystemTime,
    ) -> Option<CertificateFinding> {
        let error = verify(trust.bundle.certificates(), &self.chain, name, at).err()?;
        let (place, issuer) = (&trust.place, &self.description.issuer);
        match error {
            TrustError::NotInDate => None,
            // `check_bundle` reports an empty bundle once.
            TrustError::UnknownIssuer if trust.bundle.is_empty() => None,
            TrustError::UnknownIssuer => Some(self.finding(format!(
                "is not trusted by {place}: it is signed by {issuer}; put that CA there, or serve a certificate of a \
                 trusted CA"
            ))),
            TrustError::IssuerNotInDate => {
                let problem = format!(
                    "is not trusted by {place}: the CA that signed it, {issuer}, is not in date"
                );
                Some(self.finding(problem).with_remedy(Remedy::RotateAuthority))
            }
            TrustError::WrongName => {
                let own = self.description.names.join(", ");
                let finding = self.finding(format!("is not for {name}, but for {own}"));
                Some(finding.with_remedy(Remedy::IssueForName(name.to_owned())))
            }
            TrustError::Other(why) => {
                Some(self.finding(format!("is not trusted by {place}: {why}; issue another one")))
            }
        }
    }
}

// === impl InspectedBundle ===

impl InspectedBundle {
    fn finding(&self, problem: String) -> CertificateFinding {
        CertificateFinding::new(&self.place, problem)
    }

    fn lacks(&self, known: &InspectedCa) -> CertificateFinding {
        let (name, role) = (known.description.name(), known.role.as_str());
        self.finding(format!(
            "does not trust {name}, the {role} CA of {}; add it, or see the log of the replica that has the Lease for \
             why it does not",
            known.place
        ))
    }
}

// === impl InspectedCa ===

impl InspectedCa {
    /// Checks that the current CA can sign for the names by which clients call.
    fn check_names(&self, trust: &InspectedBundle) -> Vec<CertificateFinding> {
        let is_excluded = |name: &&String| !self.description.names.contains(name);
        let names = trust.names.iter().filter(is_excluded).filter(|_| self.role == CaRole::Current);
        names
            .map(|name| {
                let own = self.description.names.join(", ");
                trust.finding(format!(
                    "calls {name}, but the CA of {} can sign only for {own}; make them agree",
                    self.place
                ))
            })
            .collect()
    }
}
