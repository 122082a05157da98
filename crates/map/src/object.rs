//! An object of the cluster, as JSON before and after the policy's patch.

use ordinance_contract::Scope;
use ordinance_storage::{DecidingKind, Placeholder};
use std::borrow::Cow;

/// An object that a map is drawn from.
#[derive(Clone, Debug)]
pub struct MappedObject<'a> {
    /// The object's resource, namespace and name.
    pub scope: Scope<'a>,
    /// The JSON before the policy's patch.
    pub before: Cow<'a, str>,
    /// The JSON after the policy's patch.
    pub after: Cow<'a, str>,
}

// === impl MappedObject ===

impl<'a> MappedObject<'a> {
    /// Returns an object that the policy does not patch.
    pub fn new(scope: Scope<'a>, text: impl Into<Cow<'a, str>>) -> Self {
        let before = text.into();
        Self { scope, after: before.clone(), before }
    }

    /// Returns the object after the policy's patch.
    pub(crate) fn patched(&self) -> MappedObject<'_> {
        MappedObject {
            scope: self.scope.borrowed(),
            before: Cow::Borrowed(&self.after),
            after: Cow::Borrowed(""),
        }
    }
}

impl MappedObject<'_> {
    /// Returns the placeholders in the fields that decide where the files of the object are.
    pub(crate) fn placeholders(&self) -> Vec<Placeholder> {
        let kind = match (&*self.scope.group, &*self.scope.resource) {
            ("apps", "statefulsets") => DecidingKind::StatefulSet,
            ("", "persistentvolumes") => DecidingKind::PersistentVolume,
            _ => return Vec::new(),
        };
        Placeholder::all(kind, &self.before, |_| false)
    }

    pub(crate) fn is(&self, group: &str, resource: &str) -> bool {
        self.scope.group == group && self.scope.resource == resource
    }
}
