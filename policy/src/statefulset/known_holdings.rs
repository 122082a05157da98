//! The holdings of other objects, arranged for the questions that every volume of a set asks.

use crate::claim::{self, ClaimNote};
use ordinance_contract::Holding;
use std::collections::BTreeMap;

/// The claims of the set's namespace, and the exports of PersistentVolumes.
#[derive(Default)]
pub(super) struct KnownHoldings<'a> {
    /// By path, and then in the order of the holdings.
    claims: Vec<&'a Holding>,
    /// By realm, each in the order of the holdings.
    exports: BTreeMap<&'a str, Vec<&'a Holding>>,
}

// === impl KnownHoldings ===

impl<'a> KnownHoldings<'a> {
    /// Arranges the holdings for a set of a namespace.
    pub(super) fn new(holdings: &'a [Holding], namespace: &str) -> Self {
        let mut known = Self::default();
        if holdings.is_empty() {
            return known;
        }
        let realm = claim::realm(namespace);
        for holding in holdings {
            if claim::is_claim(&holding.holder) && holding.realm == realm {
                known.claims.push(holding);
            } else if holding.holder.resource == "persistentvolumes" {
                known.exports.entry(&holding.realm).or_default().push(holding);
            }
        }
        known.claims.sort_by(|one, other| one.path.cmp(&other.path));
        known
    }

    /// Returns the claim of this name if it exists or the same input creates it.
    pub(super) fn claim(&self, name: &str) -> Option<&'a Holding> {
        let path = claim::path(name);
        let first = self.claims.partition_point(|claim| claim.path < path);
        self.claims.get(first).copied().filter(|claim| claim.path == path)
    }

    /// Iterates over the claims of a template that are not being deleted, with their notes.
    pub(super) fn template_claims(
        &self,
        template: &str,
        set: &str,
    ) -> impl Iterator<Item = (&'a str, ClaimNote<'a>)> {
        let prefix = claim::prefix(template, set);
        let first =
            self.claims.partition_point(|claim| claim.path.first().is_some_and(|first| *first < prefix));
        let claims = self.claims.iter().copied().skip(first);
        claims
            .take_while(move |claim| claim.path.first() == Some(&prefix))
            .filter(|claim| claim.path.len() == 2)
            .map(|claim| (&*claim.holder.name, ClaimNote::parse(&claim.note)))
            .filter(|(_, note)| !note.is_being_deleted)
    }

    /// Returns the PersistentVolumes whose exports are in a realm.
    pub(super) fn exports(&self, realm: &str) -> &[&'a Holding] {
        self.exports.get(realm).map(Vec::as_slice).unwrap_or_default()
    }
}
