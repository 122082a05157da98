//! The map: the writers before and after the policy's patches, and the objects that could not be drawn.

use crate::claim_places::ClaimPlaces;
use crate::snapshot::Snapshot;
use crate::stateful_set::{self, MappedSet};
use crate::{Keys, Location};
use ordinance_contract::{Scope, Stance, without_position};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// An object of the cluster.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    /// Its kind, namespace and name.
    pub scope: Scope<'a>,
    /// The JSON before the policy's patch.
    pub before: Cow<'a, str>,
    /// The JSON after the policy's patch.
    pub after: Cow<'a, str>,
}

/// The writers before and after the policy's patches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    /// Without patches.
    pub before: Snapshot,
    /// With the policy's patches.
    pub after: Snapshot,
    /// Objects that the policy refuses; both snapshots draw them without a patch.
    pub refused: Vec<Refused>,
    /// Objects that could not be read; no snapshot draws them.
    pub unread: Vec<Unread>,
}

/// An object that the policy refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The object.
    pub object: Scope<'static>,
    /// The policy's message, in one line.
    pub message: String,
}

/// An object that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The object.
    pub object: Scope<'static>,
    /// In one line.
    pub reason: String,
}

/// Reads objects, and collects those that can't be read.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    unread: Vec<Unread>,
}

// === impl Map ===

impl Map {
    /// Maps a cluster of these objects; the last of two with the same name counts.
    pub fn of(objects: &[Object<'_>], keys: &Keys<'_>) -> Self {
        let mut reader = Reader::default();
        let sets = reader.sets(objects);
        let claims = ClaimPlaces::new(objects, &sets, keys, &mut reader);
        let before = Snapshot::new(&sets, &claims, keys, &mut reader);
        let patched: Vec<Object<'_>> = objects.iter().map(Object::patched).collect();
        let sets = reader.sets(&patched);
        let after = Snapshot::new(&sets, &claims, keys, &mut reader);
        Self { before, after, refused: Vec::new(), unread: reader.unread }
    }
}

// === impl Object ===

impl<'a> Object<'a> {
    /// Returns an object that the policy does not patch.
    pub fn new(scope: Scope<'a>, text: impl Into<Cow<'a, str>>) -> Self {
        let before = text.into();
        Self { scope, after: before.clone(), before }
    }

    /// Returns the object after the policy's patch.
    fn patched(&self) -> Object<'_> {
        Object { scope: self.scope.borrowed(), before: Cow::Borrowed(&self.after), after: Cow::Borrowed("") }
    }
}

// === impl Reader ===

impl Reader {
    /// Returns the StatefulSets that can be read, each with as many ordinals as there is room for.
    fn sets<'a>(&mut self, objects: &'a [Object<'a>]) -> Vec<MappedSet<'a>> {
        let mut sets = self.all(objects, "apps", "statefulsets", MappedSet::read);
        stateful_set::fit(&mut sets);
        sets
    }

    /// Returns the objects of a resource that can be read, sorted by namespace and name; of one name the last.
    pub(crate) fn all<'a, T>(
        &mut self,
        objects: &'a [Object<'a>],
        group: &str,
        resource: &str,
        read: fn(&'a Object<'a>) -> serde_json::Result<T>,
    ) -> Vec<T> {
        let mut last = BTreeMap::new();
        for (place, object) in objects.iter().enumerate().filter(|(_, object)| object.is(group, resource)) {
            let Scope { namespace, name, .. } = &object.scope;
            // Objects whose names the API server generates are different ones.
            last.insert((namespace, name, if name.is_empty() { place } else { 0 }), object);
        }
        let readable = |object: &'a Object<'a>| match read(object) {
            Ok(view) => Some(view),
            Err(error) => {
                self.leave_out(object, without_position(&error.to_string()).to_owned());
                None
            }
        };
        last.into_values().filter_map(readable).collect()
    }

    /// Returns where the policy says that a PersistentVolume lies, or `None` if the policy does not know.
    pub(crate) fn held(&mut self, object: &Object<'_>, keys: &Keys<'_>) -> Option<Location> {
        match keys(&object.scope, &object.before) {
            Ok(keys) => keys.iter().find(|key| key.stance == Stance::Holds).map(Location::of_key),
            Err(reason) => {
                self.leave_out(object, reason);
                None
            }
        }
    }

    fn leave_out(&mut self, object: &Object<'_>, reason: String) {
        let unread = Unread { object: object.scope.clone().into_owned(), reason };
        if !self.unread.contains(&unread) {
            self.unread.push(unread);
        }
    }
}

impl Object<'_> {
    fn is(&self, group: &str, resource: &str) -> bool {
        self.scope.group == group && self.scope.resource == resource
    }
}
