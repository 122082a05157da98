//! Which stored object a request is about, which state of it, and whether it is the last that is heard of it.

use ordinance_contract::{Operation, Request, Scope};
use serde::Deserialize;
use std::borrow::Cow;

/// The object that a request changes.
pub(super) struct Stored<'a> {
    /// With its name: a deletion of a whole collection names its objects in `oldObject` alone.
    pub(super) scope: Scope<'a>,
    /// Whether this update takes the last finalizer of an object that is being deleted: the API server removes it then,
    /// and nobody is asked again.
    pub(super) is_last: bool,
}

/// From which state of an object an admitted one comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The object's uid; empty if it is not told.
    uid: String,
    /// On an update, the version that is updated.
    version: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Object<'a> {
    #[serde(borrow, default)]
    metadata: Option<Metadata<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    uid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    resource_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    deletion_timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    finalizers: Option<Vec<Cow<'a, str>>>,
}

// === impl Stored ===

impl<'a> From<&'a Request<'_>> for Stored<'a> {
    fn from(request: &'a Request<'_>) -> Self {
        // Only a creation with its name tells nothing more: objects are large, and reading one takes time.
        let is_told = request.operation == Operation::Create && !request.scope.name.is_empty();
        let object = request.object.as_deref().or(request.old_object.as_deref());
        let metadata = metadata(object.filter(|_| !is_told));
        let mut scope = request.scope.borrowed();
        if scope.name.is_empty() {
            scope.name = metadata.name.unwrap_or_default();
        }
        let is_last = request.operation == Operation::Update
            && metadata.deletion_timestamp.is_some()
            && metadata.finalizers.is_none_or(|finalizers| finalizers.is_empty());
        Self { scope, is_last }
    }
}

// === impl Origin ===

impl From<&Request<'_>> for Origin {
    fn from(request: &Request<'_>) -> Self {
        let uid = metadata(request.object.as_deref()).uid.unwrap_or_default().into_owned();
        let version = metadata(request.old_object.as_deref()).resource_version;
        Self { uid, version: version.and_then(|version| version.parse().ok()) }
    }
}

impl Origin {
    /// Whether an object is the same one: its name may have been given again.
    pub(super) fn is_of(&self, uid: &str) -> bool {
        !self.uid.is_empty() && self.uid == uid
    }

    /// Whether a stored state of the same object is the one that was admitted, or one that it can't follow any more. Where
    /// versions can't be compared, nobody knows.
    pub(super) fn is_settled_by(&self, uid: &str, version: Option<u64>) -> bool {
        let is_later = self.version.is_none_or(|base| version.is_some_and(|version| version > base));
        self.is_of(uid) && is_later
    }
}

/// What the API server itself keeps of an object; nothing if it can't be read.
fn metadata(object: Option<&str>) -> Metadata<'_> {
    let object = object.and_then(|json| serde_json::from_str::<Object<'_>>(json).ok());
    object.and_then(|object| object.metadata).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(uid: &str, version: Option<u64>) -> Origin {
        Origin { uid: uid.to_owned(), version }
    }

    #[test]
    fn a_creation_is_settled_by_its_object_and_not_by_a_former_one_of_its_name() {
        assert!(origin("u2", None).is_settled_by("u2", Some(1)));
        assert!(!origin("u2", None).is_settled_by("u1", Some(9)));
        assert!(!origin("", None).is_settled_by("", Some(9)));
    }

    #[test]
    fn an_update_is_settled_by_a_later_version_alone() {
        assert!(origin("u", Some(7)).is_settled_by("u", Some(8)));
        assert!(!origin("u", Some(7)).is_settled_by("u", Some(7)));
        assert!(!origin("u", Some(7)).is_settled_by("u", None));
    }
}
