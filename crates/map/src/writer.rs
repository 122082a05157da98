//! A pod that writes to a location, and how its location overlaps those of other pods.

use crate::Location;
use crate::binding::Bound;
use crate::resolved_claims::ClaimedVolume;

/// A pod of a StatefulSet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pod {
    /// The set's namespace.
    pub namespace: String,
    /// The set's name.
    pub stateful_set: String,
    /// e.g. 0.
    pub ordinal: u64,
}

/// A pod that writes to a location through a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeWriter {
    /// The pod.
    pub pod: Pod,
    /// The name of a volume of the pod or of a claim template.
    pub volume: String,
    /// The claim, in the pod's namespace; `None` for a volume that the pod mounts without one.
    pub claim: Option<String>,
    /// The claim's PersistentVolume, if it is known.
    pub persistent_volume: Option<ClaimedVolume>,
    /// The directory.
    pub location: Location,
    /// The other pods that write there; `None` if the writer is exclusive.
    pub overlap: Option<WriterOverlap>,
}

/// Other pods that write to a writer's location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterOverlap {
    /// How the locations relate; the first of equal, inside and around that there is.
    pub relation: Relation,
    /// The first of the other pods with that relation.
    pub with: Pod,
    /// The location of that pod.
    pub location: Location,
    /// The number of other pods with that relation.
    pub others: usize,
}

/// How the location of a writer relates to that of another pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Both are the same.
    Equal,
    /// The writer's location is inside of the other one.
    Inside,
    /// The other location is inside of the writer's.
    Around,
}

// === impl VolumeWriter ===

impl VolumeWriter {
    /// Returns whether no other pod writes to the location, inside of it or around it.
    pub fn is_exclusive(&self) -> bool {
        self.overlap.is_none()
    }

    /// Returns whether the claim is not bound yet, and is expected to get the volume.
    pub fn is_expected(&self) -> bool {
        self.persistent_volume.as_ref().is_some_and(|volume| volume.bound == Bound::Expected)
    }
}

// === impl Pod ===

impl Pod {
    /// Returns the pod's name, e.g. `web-0`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.stateful_set, self.ordinal)
    }
}
