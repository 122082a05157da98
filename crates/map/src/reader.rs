//! Parses the objects, asks the policy for their keys, and collects the objects that can't be read.

use crate::Location;
use crate::object::Object;
use ordinance_contract::{Key, Scope, Stance, without_position};
use std::collections::BTreeMap;

/// Asks the policy for the keys of an object; an error says in one line why the policy can't read the object.
pub type Keys<'a> = dyn Fn(&Scope<'_>, &str) -> Result<Vec<Key>, String> + 'a;

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
    pub(crate) unread: Vec<Unread>,
}

// === impl Reader ===

impl Reader {
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
