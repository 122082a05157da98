//! An object that holds or uses keys: its identity, and its order by name.

use ordinance_contract::Scope;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An object. Equal if it is the same one, whatever the version of the API; ordered by name first.
#[derive(Clone, Debug)]
pub(crate) struct Holder(Arc<Scope<'static>>);

// === impl Holder ===

impl Holder {
    pub(crate) fn scope(&self) -> &Scope<'static> {
        &self.0
    }

    /// What makes it this object and no other.
    fn identity(&self) -> [&str; 5] {
        [&self.0.name, &self.0.namespace, &self.0.resource, &self.0.group, &self.0.subresource]
    }
}

impl From<&Scope<'_>> for Holder {
    fn from(scope: &Scope<'_>) -> Self {
        Self(Arc::new(scope.clone().into_owned()))
    }
}

impl PartialEq for Holder {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Holder {}

impl PartialOrd for Holder {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Holder {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for Holder {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}
