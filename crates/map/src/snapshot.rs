//! The writers before or after the policy's patches.

use crate::Location;
use crate::object::MappedObject;
use crate::overlap;
use crate::reader::{Keys, Reader};
use crate::resolved_claims::{ResolvedClaims, ResolvedVolume};
use crate::stateful_set::{MappedSet, WrittenSource, WrittenVolume};
use crate::sub_path::SubPathPattern;
use crate::writer::{Pod, VolumeWriter};
use ordinance_contract::Scope;
use std::ops::Range;

/// All writers, before or after the policy's patches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// By namespace, set, volume in the order of the pod, ordinal, and location.
    pub writers: Vec<VolumeWriter>,
    /// Ordinals for which the map has no room: it shows at most 1,000 of a set.
    pub omitted: Vec<OmittedOrdinals>,
}

/// Ordinals of a set for which the map has no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OmittedOrdinals {
    /// The set's namespace.
    pub namespace: String,
    /// The set's name.
    pub stateful_set: String,
    /// The end is excluded.
    pub ordinals: Range<u64>,
}

/// The location of a written volume.
enum VolumeRoot {
    /// One location for all pods, with the claim if the pods mount one.
    Shared(Option<String>, ResolvedVolume),
    /// A claim for each ordinal, made of the template of this name.
    PerOrdinal(String),
}

// === impl Snapshot ===

impl Snapshot {
    pub(crate) fn new(
        sets: &[MappedSet<'_>],
        claims: &ResolvedClaims,
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
        let omitted = sets.iter().filter(|set| !set.omitted.is_empty()).map(OmittedOrdinals::of);
        Self { writers, omitted: omitted.collect() }
    }

    /// Returns the number of writers that are not exclusive.
    pub fn overlapping(&self) -> usize {
        self.writers.iter().filter(|writer| !writer.is_exclusive()).count()
    }
}

// === impl MappedSet ===

impl MappedSet<'_> {
    /// Returns the location of a volume, or `None` if it is not known to be shared storage.
    fn root(
        &self,
        volume: &WrittenVolume,
        claims: &ResolvedClaims,
        keys: &Keys<'_>,
        reader: &mut Reader,
    ) -> Option<VolumeRoot> {
        let shared = |location| VolumeRoot::Shared(None, ResolvedVolume::at(location));
        match &volume.source {
            WrittenSource::Template => Some(VolumeRoot::PerOrdinal(volume.name.clone())),
            WrittenSource::Claim(claim) => {
                let volume = claims.volume(&self.object.scope.namespace, claim);
                Some(VolumeRoot::Shared(Some(claim.clone()), volume))
            }
            WrittenSource::Export(persistent_volume) => {
                reader.location(&persistent_volume_object(persistent_volume), keys).map(shared)
            }
        }
    }

    /// Returns the writers of a volume.
    fn writers(
        &self,
        volume: &WrittenVolume,
        root: &VolumeRoot,
        claims: &ResolvedClaims,
    ) -> Vec<VolumeWriter> {
        let mut writers = Vec::new();
        for ordinal in self.ordinals.clone() {
            let (claim, mounted) = self.mounted(root, ordinal, claims);
            if mounted.is_read_only {
                continue;
            }
            let pod = self.pod(ordinal);
            let below = |pattern: &SubPathPattern| mounted.location.below(&pattern.of_ordinal(&pod, ordinal));
            let mut locations: Vec<Location> = volume.sub_paths.iter().map(below).collect();
            locations.sort_unstable();
            locations.dedup();
            writers.extend(locations.into_iter().map(|location| VolumeWriter {
                pod: self.identity(ordinal),
                volume: volume.name.clone(),
                claim: claim.clone(),
                persistent_volume: mounted.volume.clone(),
                location,
                overlap: None,
            }));
        }
        writers
    }

    fn identity(&self, ordinal: u64) -> Pod {
        Pod { namespace: self.object.scope.namespace.to_string(), stateful_set: self.name.clone(), ordinal }
    }

    /// Returns the claim of an ordinal, if it mounts one, and its volume.
    fn mounted(
        &self,
        root: &VolumeRoot,
        ordinal: u64,
        claims: &ResolvedClaims,
    ) -> (Option<String>, ResolvedVolume) {
        match root {
            VolumeRoot::Shared(claim, volume) => (claim.clone(), volume.clone()),
            VolumeRoot::PerOrdinal(template) => {
                let claim = self.claim_name(template, ordinal);
                let volume = claims.volume(&self.object.scope.namespace, &claim);
                (Some(claim), volume)
            }
        }
    }
}

/// Returns a PersistentVolume as an object, for the policy.
fn persistent_volume_object(json: &str) -> MappedObject<'_> {
    let scope = Scope { version: "v1".into(), resource: "persistentvolumes".into(), ..Scope::default() };
    MappedObject::new(scope, json)
}

// === impl OmittedOrdinals ===

impl OmittedOrdinals {
    fn of(set: &MappedSet<'_>) -> Self {
        Self {
            namespace: set.object.scope.namespace.to_string(),
            stateful_set: set.name.clone(),
            ordinals: set.omitted.clone(),
        }
    }
}
