//! What is wrong, one line each: the place, what it is, and the way out.

use super::{Ca, Inspection, Leaf, Proof, Role, Trust, left};
use crate::bundle::Bundle;
use crate::pair::{Moment, Validity};
use crate::rotation::Phase;
use crate::trust::{Refusal, accepts};
use serde::Serialize;
use std::fmt;
use std::time::{Duration, SystemTime};

/// The moment that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// The moment.
    pub at: SystemTime,
    /// What expires so soon after it is a finding, too.
    pub within: Duration,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, the entry of a Secret, the webhook or the address that it is about.
    pub place: String,
    /// What is wrong, and what to do.
    pub message: String,
}

const RENEW: &str = "have it renewed; `ordinance certs issue --dir DIR` renews what it made";
const ROTATE: &str = "`ordinance certs rotate` begins with another one";
const CLOCK: &str = "wait, or set the clock";

// === impl Inspection ===

impl Inspection {
    /// Everything that is wrong at a moment, each thing once.
    pub fn findings(&self, when: When) -> Vec<Finding> {
        let mut found = self.troubles.clone();
        for leaf in &self.leaves {
            found.extend(dates(&leaf.place, leaf.described.validity, when, RENEW));
            found.extend(leaf.key());
            found.extend(self.takers(leaf, when.at));
        }
        let counts = |known: &&Ca| known.role != Role::Previous;
        for Ca { place, described, .. } in self.authorities.iter().filter(counts) {
            found.extend(dates(place, described.validity, when, ROTATE));
        }
        found.extend(self.trusts.iter().flat_map(|trust| self.trusting(trust)));
        once(found)
    }

    /// Who would not take a certificate.
    fn takers(&self, leaf: &Leaf, at: SystemTime) -> Vec<Finding> {
        if self.trusts.is_empty() {
            return self.untrusted(leaf, at);
        }
        self.trusts.iter().flat_map(|trust| leaf.taken_by(trust, at)).collect()
    }

    /// A certificate of which nobody says who trusts it; one that signed itself needs nobody to.
    fn untrusted(&self, leaf: &Leaf, at: SystemTime) -> Vec<Finding> {
        let itself = Bundle::from(leaf.chain.first().into_iter().cloned().collect::<Vec<_>>());
        let trust = Trust { place: "its own signature".to_owned(), bundle: itself, ..Trust::empty() };
        if leaf.described.subject == leaf.described.issuer {
            return leaf.taken_by(&trust, at);
        }
        let issuer = &leaf.described.issuer;
        vec![leaf.finding(format!("is signed by {issuer}, which nobody gave; give --ca FILE with its CA"))]
    }

    /// Whether one who trusts anybody trusts the CA that signs here.
    fn trusting(&self, trust: &Trust) -> Vec<Finding> {
        let mut found = Vec::new();
        if trust.bundle.is_empty() {
            found
                .push(trust.finding("trusts nobody: there is no certificate in it; put the CA there".into()));
        }
        for known in self.authorities.iter().filter(|known| self.is_needed(known)) {
            if !trust.bundle.is_empty() && !trust.bundle.certificates().contains(&known.certificate) {
                found.push(trust.without(known));
            }
            found.extend(known.unnamed(trust));
        }
        found
    }

    /// Whether whoever trusts anybody has to trust a CA by now.
    fn is_needed(&self, known: &Ca) -> bool {
        match known.role {
            Role::Current | Role::Previous => true,
            Role::Next => self.courses.iter().any(|course| course.phase == Phase::Wait),
            Role::Given => false,
        }
    }
}

/// What is wrong with a certificate's time.
fn dates(place: &str, validity: Validity, When { at, within }: When, remedy: &str) -> Option<Finding> {
    let message = if at > validity.not_after {
        format!("expired on {}; {remedy}", Moment::from(validity.not_after))
    } else if at < validity.not_before {
        format!("is not valid before {}; {CLOCK}", Moment::from(validity.not_before))
    } else if validity.left(at) < within {
        let (moment, left) = (Moment::from(validity.not_after), left(validity.left(at)));
        format!("expires on {moment}, in {left}; {remedy}")
    } else {
        return None;
    };
    Some(Finding { place: place.to_owned(), message })
}

fn once(found: Vec<Finding>) -> Vec<Finding> {
    let mut once: Vec<Finding> = Vec::new();
    for finding in found {
        if !once.contains(&finding) {
            once.push(finding);
        }
    }
    once
}

// === impl Leaf ===

impl Leaf {
    fn finding(&self, message: String) -> Finding {
        Finding { place: self.place.clone(), message }
    }

    fn key(&self) -> Option<Finding> {
        let Proof::Foreign(place) = &self.proof else { return None };
        let message =
            format!("is not the key of {}; put the two files there that were made together", self.place);
        Some(Finding { place: place.clone(), message })
    }

    /// What a client finds wrong with it that trusts somebody; not its time, which is found once for all.
    fn taken_by(&self, trust: &Trust, at: SystemTime) -> Vec<Finding> {
        let names = self.asked_names(trust);
        names.iter().filter_map(|name| self.taken(trust, name, at)).collect()
    }

    /// The names by which it has to be good: without any, one that it has.
    fn asked_names(&self, trust: &Trust) -> Vec<String> {
        let mut names: Vec<String> = self.names.iter().chain(&trust.names).cloned().collect();
        if names.is_empty() {
            names.extend(self.described.names.first().cloned());
        }
        names
    }

    fn taken(&self, trust: &Trust, name: &str, at: SystemTime) -> Option<Finding> {
        let refusal = accepts(trust.bundle.certificates(), &self.chain, name, at).err()?;
        let (place, issuer) = (&trust.place, &self.described.issuer);
        let message = match refusal {
            Refusal::Date => return None,
            // That nobody is trusted is found once, of whoever trusts nobody.
            Refusal::Signer if trust.bundle.is_empty() => return None,
            Refusal::Signer => format!(
                "is not trusted by {place}: it is signed by {issuer}; put that CA there, or serve what a trusted one signed"
            ),
            Refusal::SignerDate => {
                format!(
                    "is not trusted by {place}: the CA that signed it, {issuer}, is not in date; {ROTATE}"
                )
            }
            Refusal::Name => {
                let own = self.described.names.join(", ");
                format!("is not for {name}, but for {own}; have one issued for it, e.g. by --dns-name {name}")
            }
            Refusal::Other(why) => format!("is not trusted by {place}: {why}; have another one issued"),
        };
        Some(self.finding(message))
    }
}

// === impl Trust ===

impl Trust {
    fn finding(&self, message: String) -> Finding {
        Finding { place: self.place.clone(), message }
    }

    fn without(&self, known: &Ca) -> Finding {
        let (name, role) = (known.described.name(), known.role.as_str());
        self.finding(format!(
            "does not trust {name}, the {role} CA of {}; put it there, or see in the log why the replica that has the \
             Lease does not",
            known.place
        ))
    }
}

// === impl Ca ===

impl Ca {
    /// The names by which is called, and for which it can't sign.
    fn unnamed(&self, trust: &Trust) -> Vec<Finding> {
        let can = |name: &&String| !self.described.names.contains(name);
        let names = trust.names.iter().filter(can).filter(|_| self.role == Role::Current);
        names
            .map(|name| {
                let own = self.described.names.join(", ");
                trust.finding(format!(
                    "calls {name}, for which the CA of {} can't sign, but for {own}; make them agree",
                    self.place
                ))
            })
            .collect()
    }
}

// === impl Finding ===

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}
