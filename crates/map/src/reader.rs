//! Parses the objects, asks the policy for their keys, and collects the objects that can't be read.

use crate::Location;
use crate::object::MappedObject;
use ordinance_contract::{Key, Scope, Stance, without_position};
use std::collections::BTreeMap;

/// Returns the keys of an object, as the policy's `keys` does, or in one line why the policy can't read the object.
pub type Keys<'a> = dyn Fn(&Scope<'_>, &str) -> Result<Vec<Key>, String> + 'a;

/// An object that can't be read, or whose place is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmappedObject {
    /// The object.
    pub object: Scope<'static>,
    /// Why, in one line.
    pub reason: String,
}

/// Reads objects, and collects those that can't be read, and those with placeholders that nothing has filled in.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) unread: Vec<UnmappedObject>,
    pub(crate) unknown: Vec<UnmappedObject>,
}

// === impl Reader ===

impl Reader {
    /// Returns the objects of a resource that can be read, sorted by namespace and name; of one name the last.
    pub(crate) fn all<'a, T>(
        &mut self,
        objects: &'a [MappedObject<'a>],
        group: &str,
        resource: &str,
        read: fn(&'a MappedObject<'a>) -> serde_json::Result<T>,
    ) -> Vec<T> {
        let mut last = BTreeMap::new();
        for (index, object) in objects.iter().enumerate().filter(|(_, object)| object.is(group, resource)) {
            let Scope { namespace, name, .. } = &object.scope;
            // The API server generates the empty names, so these are different objects.
            last.insert((namespace, name, if name.is_empty() { index } else { 0 }), object);
        }
        let readable = |object: &'a MappedObject<'a>| {
            let is_unknown = self.note_placeholders(object);
            // A volume with a placeholder still has claims.
            if is_unknown && object.is("apps", "statefulsets") {
                return None;
            }
            read(object)
                .map_err(|error| self.add_unread(object, without_position(&error.to_string()).to_owned()))
                .ok()
        };
        last.into_values().filter_map(readable).collect()
    }

    /// Returns the location of a PersistentVolume: the first key that it holds. `None` if the policy returns no such
    /// key.
    pub(crate) fn location(&mut self, object: &MappedObject<'_>, keys: &Keys<'_>) -> Option<Location> {
        match keys(&object.scope, &object.before) {
            Ok(keys) => keys.iter().find(|key| key.stance == Stance::Holds).map(Location::of_key),
            Err(reason) => {
                self.add_unread(object, reason);
                None
            }
        }
    }

    /// Returns whether where the files of an object are is unknown, because variables are not filled in yet. Remembers it.
    fn note_placeholders(&mut self, object: &MappedObject<'_>) -> bool {
        let placeholders = object.placeholders();
        let Some(first) = placeholders.first() else { return false };
        let reason = format!("{first} is not substituted");
        let unknown = UnmappedObject { object: object.scope.clone().into_owned(), reason };
        if !self.unknown.contains(&unknown) {
            self.unknown.push(unknown);
        }
        true
    }

    fn add_unread(&mut self, object: &MappedObject<'_>, reason: String) {
        let unread = UnmappedObject { object: object.scope.clone().into_owned(), reason };
        if !self.unread.contains(&unread) {
            self.unread.push(unread);
        }
    }
}
