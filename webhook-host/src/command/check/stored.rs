//! The objects that `--state` has, by identity: a manifest of one of them is reviewed as its update.

use ordinance_contract::Scope;
use ordinance_manifests::Manifest;
use std::collections::BTreeMap;

/// API group, resource, namespace and name. The version does not count: it is one object in all versions.
type Identity<'s> = (&'s str, &'s str, &'s str, &'s str);

/// The objects that exist already.
pub(in crate::command) struct StoredObjects<'s>(BTreeMap<Identity<'s>, &'s Manifest>);

// === impl StoredObjects ===

impl<'s> StoredObjects<'s> {
    /// Sorts the objects by identity. Of two with the same one, the last counts.
    pub(in crate::command) fn new(existing: impl IntoIterator<Item = &'s Manifest>) -> Self {
        Self(existing.into_iter().map(|object| (identity(&object.scope), object)).collect())
    }

    /// Returns the stored object of this identity.
    pub(in crate::command) fn find(&self, scope: &Scope<'_>) -> Option<&'s Manifest> {
        self.0.get(&identity(scope)).copied()
    }
}

fn identity<'s>(scope: &'s Scope<'_>) -> Identity<'s> {
    (&scope.group, &scope.resource, &scope.namespace, &scope.name)
}
