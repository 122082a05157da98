//! The namespaces of which the index lacks objects, because it has no room for them.
//!
//! Their requests get no verdict: without its claims, a StatefulSet would look as if it had no files yet. Other namespaces are not
//! affected.

use ordinance_contract::{Scope, Watch};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The last round in which objects were left out, by group, resource and namespace.
#[derive(Debug, Default)]
pub(super) struct LeftOut(Mutex<BTreeMap<[String; 3], u32>>);

// === impl LeftOut ===

impl LeftOut {
    /// Records that an object of this round is not in the index.
    pub(super) fn add(&self, object: &Scope<'_>, round: u32) {
        let place = [&object.group, &object.resource, &object.namespace].map(|text| text.to_string());
        self.places().insert(place, round);
    }

    /// Forgets the objects that a later list of their resource found room for, or did not contain.
    pub(super) fn sweep(&self, watch: &Watch, round: u32) {
        self.places().retain(|[group, resource, _], last| {
            *last >= round || (group, resource) != (&watch.group, &watch.resource)
        });
    }

    /// Returns whether the index lacks objects of a namespace.
    pub(super) fn affects(&self, namespace: &str) -> bool {
        self.places().keys().any(|[_, _, affected]| affected == namespace)
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<[String; 3], u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
