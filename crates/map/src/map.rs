//! The map: the writers before and after the policy's patches, and the objects that could not be drawn.

use crate::object::MappedObject;
use crate::reader::{Keys, Reader, UnmappedObject};
use crate::resolved_claims::ResolvedClaims;
use crate::snapshot::Snapshot;
use crate::stateful_set::MappedSet;
use ordinance_contract::Scope;

/// The writers before and after the policy's patches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    /// Without patches.
    pub before: Snapshot,
    /// With the policy's patches.
    pub after: Snapshot,
    /// Objects that the policy denies; both snapshots draw them without a patch.
    pub refused: Vec<RefusedObject>,
    /// Objects that could not be read; no snapshot draws them.
    pub unread: Vec<UnmappedObject>,
    /// Objects with placeholders such as `${NFS_PATH}` in strings that decide where files are. No snapshot draws these
    /// sets, and the volumes have no location.
    pub unknown: Vec<UnmappedObject>,
}

/// An object that the policy denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedObject {
    /// The object.
    pub object: Scope<'static>,
    /// Whether it is stored already, so that nothing is refused any more: the message says what is wrong now.
    pub is_stored: bool,
    /// The policy's message, in one line.
    pub message: String,
}

// === impl Map ===

impl Map {
    /// Maps these objects; of two with the same name the last one counts.
    pub fn new(objects: &[MappedObject<'_>], keys: &Keys<'_>) -> Self {
        let mut reader = Reader::default();
        let sets = MappedSet::all(objects, &mut reader);
        let claims = ResolvedClaims::new(objects, &sets, keys, &mut reader);
        let before = Snapshot::new(&sets, &claims, keys, &mut reader);
        let patched: Vec<MappedObject<'_>> = objects.iter().map(MappedObject::patched).collect();
        let sets = MappedSet::all(&patched, &mut reader);
        let after = Snapshot::new(&sets, &claims, keys, &mut reader);
        Self { before, after, refused: Vec::new(), unread: reader.unread, unknown: reader.unknown }
    }

    /// Keeps the sets of some namespaces. Their writers still say which pods of other namespaces they overlap.
    pub fn retain_namespaces(&mut self, is_kept: impl Fn(&str) -> bool) {
        for snapshot in [&mut self.before, &mut self.after] {
            snapshot.writers.retain(|writer| is_kept(&writer.pod.namespace));
            snapshot.omitted.retain(|omitted| is_kept(&omitted.namespace));
        }
    }
}
