//! The resources whose objects an audit lists.

use ordinance_contract::{Description, Operation};
use std::collections::BTreeSet;

/// A resource to list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditedResource {
    /// e.g. `apps`; empty for the core group.
    pub group: String,
    /// e.g. `v1`.
    pub version: String,
    /// The plural name, e.g. `statefulsets`.
    pub resource: String,
}

/// Returns what a policy watches, and the objects that it reviews at creation.
pub fn audited_resources(description: &Description) -> BTreeSet<AuditedResource> {
    let watched = description.watches.iter().map(|watch| AuditedResource {
        group: watch.group.clone(),
        version: watch.version.clone(),
        resource: watch.resource.clone(),
    });
    let created = description
        .reviews
        .iter()
        .filter(|review| review.subresource.is_empty() && review.operations.contains(&Operation::Create));
    let reviewed = created.map(|review| AuditedResource {
        group: review.group.clone(),
        version: review.version.clone(),
        resource: review.resource.clone(),
    });
    watched.chain(reviewed).collect()
}

// === impl AuditedResource ===

impl AuditedResource {
    /// Returns the path of the list of all objects.
    pub fn path(&self) -> String {
        match &*self.group {
            "" => format!("/api/{}/{}", self.version, self.resource),
            group => format!("/apis/{group}/{}/{}", self.version, self.resource),
        }
    }

    /// Returns the name that kubectl knows it by, e.g. `statefulsets.apps`.
    pub fn name(&self) -> String {
        match &*self.group {
            "" => self.resource.clone(),
            group => format!("{}.{group}", self.resource),
        }
    }
}
