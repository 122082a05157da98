//! The keys of a StatefulSet: its name, the claims of its templates, the claims that its volumes name, and exports.

use super::claim_mark;
use super::opt_out::OptOut;
use super::review::{self, Set, SetReview};
use super::scale_subresource::{self, ScaleNote};
use super::scale_up::SharedVolume;
use super::volume::{SetVolume, placed_containers};
use crate::claim;
use crate::settings::Settings;
use ordinance_contract::{Key, Stance};
use ordinance_storage::{ClaimTemplate, PlacedContainer, PodSpec, Steps, VolumeKind};

/// Computes the keys of a set.
pub(super) struct SetKeys<'a> {
    pub(super) set: Set<'a>,
    pub(super) opt_out: OptOut<'a>,
    pub(super) settings: &'a Settings,
    /// The size of the set.
    pub(super) bytes: usize,
}

// === impl SetKeys ===

impl SetKeys<'_> {
    /// Returns the keys of the set with this pod, sorted and without duplicates.
    pub(super) fn of_pod(&self, pod: &PodSpec<'_>, templates: &[ClaimTemplate<'_>]) -> Vec<Key> {
        let steps = review::steps(self.bytes);
        let containers = placed_containers(pod, &steps);
        let volumes = SetVolume::all(pod, templates, &containers, self.set.namespace);
        let set = Set { is_windows: pod.is_windows(), ..self.set };
        let mut keys: Vec<Key> = self.scale_key(set, &volumes, &containers, &steps).into_iter().collect();
        for volume in volumes.iter().filter(|volume| volume.is_mounted()) {
            keys.extend(self.volume_key(volume));
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Returns the key of the set's name, for a Scale, if its replicas would share a volume.
    fn scale_key(
        &self,
        set: Set<'_>,
        volumes: &[SetVolume<'_>],
        containers: &[PlacedContainer<'_>],
        steps: &Steps,
    ) -> Option<Key> {
        let Set { name, namespace, replicas, .. } = set;
        let review = SetReview::new(self.settings, set, &[], containers, steps);
        let judged = volumes.iter().filter(|volume| !self.opt_out.covers(volume.name));
        let shared = SharedVolume::of_replicas(judged, &review);
        let has_key = !shared.is_empty() && !name.is_empty();
        has_key.then(|| {
            let note = ScaleNote { replicas: Some(replicas), shared };
            scale_subresource::key(namespace, name, Stance::Uses, note.to_json())
        })
    }

    /// Returns the key that says where the files of a volume are, or which other objects have them.
    fn volume_key(&self, volume: &SetVolume<'_>) -> Option<Key> {
        match (volume.kind, volume.claim()) {
            (VolumeKind::Template(_), _) if self.set.name.is_empty() => None,
            (VolumeKind::Template(_), _) => {
                let path = vec![claim::prefix(volume.name, self.set.name)];
                Some(self.claim_key(path, Stance::Uses, claim_mark::note(volume)))
            }
            (VolumeKind::Named(_), Some(claim)) => {
                Some(self.claim_key(claim::path(claim), Stance::Looks, String::new()))
            }
            (VolumeKind::Named(_), None) => volume.inline_export(self.settings).map(|export| Key {
                realm: export.realm(),
                path: export.segments().to_vec(),
                stance: Stance::Uses,
                note: String::new(),
            }),
        }
    }

    fn claim_key(&self, path: Vec<String>, stance: Stance, note: String) -> Key {
        Key { realm: claim::realm(self.set.namespace), path, stance, note }
    }
}
