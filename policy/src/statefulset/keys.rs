//! What a StatefulSet uses and looks at: its name, the claims of its templates, claims by name, and exports.

use super::growth;
use super::mark;
use super::optout::OptOut;
use super::pod::{Kind, Site, Unit};
use super::review::{Review, Set};
use super::scale;
use super::view::{ClaimTemplate, Pod};
use crate::claim;
use crate::settings::Settings;
use ordinance_contract::{Key, Stance};

/// What the keys of a set depend on, beside its pod.
pub(super) struct Owner<'a> {
    pub(super) set: Set<'a>,
    pub(super) opt_out: OptOut<'a>,
    pub(super) settings: &'a Settings,
}

// === impl Owner ===

impl Owner<'_> {
    /// The keys of the set with this pod.
    pub(super) fn keys(&self, pod: &Pod<'_>, templates: &[ClaimTemplate<'_>]) -> Vec<Key> {
        let sites = Site::all(pod);
        let units = Unit::all(pod, templates, &sites);
        let mut keys: Vec<Key> = self.shared(&units, &sites).into_iter().collect();
        for unit in units.iter().filter(|unit| unit.is_mounted()) {
            keys.extend(self.key(unit));
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The set's name, for a Scale, if its replicas would share something.
    fn shared(&self, units: &[Unit<'_>], sites: &[Site<'_>]) -> Option<Key> {
        let Set { name, namespace, replicas, .. } = self.set;
        let review = Review::new(self.settings, self.set, &[], sites);
        let shared = growth::shared(units.iter().filter(|unit| !self.opt_out.covers(unit.name)), &review);
        let is_worth_a_key = !shared.is_empty() && !name.is_empty();
        is_worth_a_key.then(|| scale::key(namespace, name, Stance::Uses, scale::note(replicas, &shared)))
    }

    /// What says where the files of a volume are, or who else has them.
    fn key(&self, unit: &Unit<'_>) -> Option<Key> {
        match (unit.kind, unit.claim()) {
            (Kind::Template(_), _) if self.set.name.is_empty() => None,
            (Kind::Template(_), _) => {
                let path = vec![claim::prefix(unit.name, self.set.name)];
                Some(self.claim(path, Stance::Uses, mark::note(unit)))
            }
            (Kind::Named(_), Some(claim)) => {
                Some(self.claim(claim::path(claim), Stance::Looks, String::new()))
            }
            (Kind::Named(source), None) => source.inline_export(self.settings).map(|export| Key {
                realm: export.realm(),
                path: export.segments().to_vec(),
                stance: Stance::Uses,
                note: String::new(),
            }),
        }
    }

    fn claim(&self, path: Vec<String>, stance: Stance, note: String) -> Key {
        Key { realm: claim::realm(self.set.namespace), path, stance, note }
    }
}
