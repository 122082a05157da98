//! An object that holds or uses keys: its identity and its order by name.

use hashbrown::Equivalent;
use ordinance_contract::Scope;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An object. Two holders are equal if they are the same object in any API version; they are ordered by name first.
#[derive(Clone, Debug)]
pub(crate) struct Holder(Arc<HolderFields>);

/// The resource of a holder. A cluster has few of them, so holders share them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ResourceKind {
    group: Box<str>,
    version: Box<str>,
    resource: Box<str>,
    subresource: Box<str>,
}

#[derive(Debug)]
struct HolderFields {
    kind: Arc<ResourceKind>,
    namespace: Arc<str>,
    name: Box<str>,
}

/// The fields that identify an object, in the order of comparison.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HolderIdentity<'a> {
    name: &'a str,
    namespace: &'a str,
    resource: &'a str,
    group: &'a str,
    subresource: &'a str,
}

// === impl Holder ===

impl Holder {
    pub(crate) fn new(kind: Arc<ResourceKind>, namespace: Arc<str>, name: &str) -> Self {
        Self(Arc::new(HolderFields { kind, namespace, name: name.into() }))
    }

    pub(crate) fn scope(&self) -> Scope<'static> {
        let HolderFields { kind, namespace, name } = &*self.0;
        let owned = |text: &str| Cow::Owned(text.to_owned());
        Scope {
            group: owned(&kind.group),
            version: owned(&kind.version),
            resource: owned(&kind.resource),
            subresource: owned(&kind.subresource),
            namespace: owned(namespace),
            name: owned(name),
        }
    }

    pub(crate) fn kind(&self) -> &Arc<ResourceKind> {
        &self.0.kind
    }

    pub(crate) fn namespace(&self) -> &Arc<str> {
        &self.0.namespace
    }

    fn identity(&self) -> HolderIdentity<'_> {
        let HolderFields { kind, namespace, name } = &*self.0;
        let ResourceKind { group, resource, subresource, .. } = &**kind;
        HolderIdentity { name, namespace, resource, group, subresource }
    }
}

impl PartialEq for Holder {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.identity() == other.identity()
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

// === impl ResourceKind ===

impl ResourceKind {
    pub(crate) fn resource(&self) -> &str {
        &self.resource
    }

    /// Returns whether this is a resource, in any API version.
    pub(crate) fn is_of(&self, group: &str, resource: &str) -> bool {
        &*self.group == group && &*self.resource == resource
    }
}

impl From<&Scope<'_>> for ResourceKind {
    fn from(scope: &Scope<'_>) -> Self {
        Self {
            group: (*scope.group).into(),
            version: (*scope.version).into(),
            resource: (*scope.resource).into(),
            subresource: (*scope.subresource).into(),
        }
    }
}

// === impl HolderIdentity ===

impl<'a> From<&'a Scope<'_>> for HolderIdentity<'a> {
    fn from(scope: &'a Scope<'_>) -> Self {
        let Scope { group, resource, subresource, namespace, name, .. } = scope;
        Self { name, namespace, resource, group, subresource }
    }
}

impl Equivalent<Holder> for HolderIdentity<'_> {
    fn equivalent(&self, holder: &Holder) -> bool {
        *self == holder.identity()
    }
}
