//! The writers before or after the policy's patches.

use crate::Location;
use crate::claim_places::{ClaimPlaces, VolumePlace};
use crate::object::Object;
use crate::overlap;
use crate::reader::{Keys, Reader};
use crate::stateful_set::{MappedSet, WrittenSource, WrittenVolume};
use crate::sub_path::SubPathPattern;
use crate::writer::{Pod, Writer};
use ordinance_contract::Scope;
use std::ops::Range;

/// The writers at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// By namespace, set, volume in the order of the pod, ordinal, and location.
    pub writers: Vec<Writer>,
    /// Ordinals that are not shown, since there are too many.
    pub omitted: Vec<Omitted>,
}

/// Ordinals of a set that are not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omitted {
    /// The set's namespace.
    pub namespace: String,
    /// The set's name.
    pub stateful_set: String,
    /// The end is excluded.
    pub ordinals: Range<u64>,
}

/// Where a written volume lies.
enum VolumeRoot {
    /// In one place for all pods, maybe through a claim.
    Shared(Option<String>, VolumePlace),
    /// In a claim for each ordinal, made of the template of this name.
    PerOrdinal(String),
}

// === impl Snapshot ===

impl Snapshot {
    pub(crate) fn new(
        sets: &[MappedSet<'_>],
        claims: &ClaimPlaces,
        keys: &Keys<'_>,
        reader: &mut Reader,
    ) -> Self {
        let mut writers = Vec::new();
        for set in sets {
            for volume in &set.volumes {
                if let Some(root) = set.root(volume, claims, keys, reader) {
                    writers.extend(set.writers(volume, &root, claims));
                }
            }
        }
        overlap::mark(&mut writers);
        let omitted = sets.iter().filter(|set| !set.omitted.is_empty()).map(Omitted::of);
        Self { writers, omitted: omitted.collect() }
    }

    /// Returns the number of writers that are not exclusive.
    pub fn overlapping(&self) -> usize {
        self.writers.iter().filter(|writer| !writer.is_exclusive()).count()
    }
}

// === impl MappedSet ===

impl MappedSet<'_> {
    /// Returns where a volume lies, or `None` if its place is not known to be shared storage.
    fn root(
        &self,
        volume: &WrittenVolume,
        claims: &ClaimPlaces,
        keys: &Keys<'_>,
        reader: &mut Reader,
    ) -> Option<VolumeRoot> {
        let shared = |location| VolumeRoot::Shared(None, VolumePlace::at(location));
        match &volume.source {
            WrittenSource::Template => Some(VolumeRoot::PerOrdinal(volume.name.clone())),
            WrittenSource::Claim(claim) => {
                let place = claims.place(&self.object.scope.namespace, claim);
                Some(VolumeRoot::Shared(Some(claim.clone()), place))
            }
            WrittenSource::Export(persistent_volume) => {
                reader.held(&persistent_volume_object(persistent_volume), keys).map(shared)
            }
            WrittenSource::Directory(location) => Some(shared(location.clone())),
        }
    }

    /// Returns the writers of a volume.
    fn writers(&self, volume: &WrittenVolume, root: &VolumeRoot, claims: &ClaimPlaces) -> Vec<Writer> {
        let mut writers = Vec::new();
        for ordinal in self.ordinals.clone() {
            let (claim, place) = self.place(root, ordinal, claims);
            if place.is_read_only {
                continue;
            }
            let pod = self.pod(ordinal);
            let below = |pattern: &SubPathPattern| place.location.below(&pattern.of_ordinal(&pod, ordinal));
            let mut locations: Vec<Location> = volume.sub_paths.iter().map(below).collect();
            locations.sort_unstable();
            locations.dedup();
            writers.extend(locations.into_iter().map(|location| Writer {
                pod: self.identity(ordinal),
                volume: volume.name.clone(),
                claim: claim.clone(),
                persistent_volume: place.volume.clone(),
                location,
                overlap: None,
            }));
        }
        writers
    }

    fn identity(&self, ordinal: u64) -> Pod {
        Pod { namespace: self.object.scope.namespace.to_string(), stateful_set: self.name.clone(), ordinal }
    }

    /// Returns the claim of an ordinal and where its files are.
    fn place(&self, root: &VolumeRoot, ordinal: u64, claims: &ClaimPlaces) -> (Option<String>, VolumePlace) {
        match root {
            VolumeRoot::Shared(claim, place) => (claim.clone(), place.clone()),
            VolumeRoot::PerOrdinal(template) => {
                let claim = self.claim_name(template, ordinal);
                let place = claims.place(&self.object.scope.namespace, &claim);
                (Some(claim), place)
            }
        }
    }
}

/// Returns a PersistentVolume as an object, for the policy.
fn persistent_volume_object(json: &str) -> Object<'_> {
    let scope = Scope { version: "v1".into(), resource: "persistentvolumes".into(), ..Scope::default() };
    Object::new(scope, json)
}

// === impl Omitted ===

impl Omitted {
    fn of(set: &MappedSet<'_>) -> Self {
        Self {
            namespace: set.object.scope.namespace.to_string(),
            stateful_set: set.name.clone(),
            ordinals: set.omitted.clone(),
        }
    }
}
