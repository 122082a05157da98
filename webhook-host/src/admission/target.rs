//! The object that a request changes, and the stored state that the change is based on.

use crate::review::{NAME_BYTES, UID_BYTES};
use ordinance_contract::{Operation, Request, Scope};
use serde::Deserialize;
use std::borrow::Cow;

/// The object that a request changes.
pub(super) struct TargetObject<'a> {
    /// The scope with the object's name. A deletion of a collection names its objects only in `oldObject`. The name is empty
    /// if there is none, or none that the API server would store.
    pub(super) scope: Scope<'a>,
    /// Whether this update removes the last finalizer of an object that is being deleted. The API server then removes the
    /// object without another admission request.
    pub(super) is_last_update: bool,
}

/// The stored state that an admitted change is based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseState {
    /// The object's uid; empty if the request contains none, or none that an API server assigns.
    uid: String,
    /// The resource version that an update replaces; `None` for a creation.
    version: Option<u64>,
}

#[derive(Default, Deserialize)]
struct PartialObject<'a> {
    #[serde(borrow, default)]
    metadata: Option<PartialMetadata<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartialMetadata<'a> {
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

// === impl TargetObject ===

impl<'a> From<&'a Request<'_>> for TargetObject<'a> {
    fn from(request: &'a Request<'_>) -> Self {
        // Objects are large and slow to parse, and a creation with a name needs nothing from the object.
        let is_complete = request.operation == Operation::Create && !request.scope.name.is_empty();
        let object = request.object.as_deref().or(request.old_object.as_deref());
        let metadata = metadata(object.filter(|_| !is_complete));
        let mut scope = request.scope.borrowed();
        if scope.name.is_empty() {
            scope.name = metadata.name.filter(|name| name.len() <= NAME_BYTES).unwrap_or_default();
        }
        let is_last_update = request.operation == Operation::Update
            && metadata.deletion_timestamp.is_some()
            && metadata.finalizers.is_none_or(|finalizers| finalizers.is_empty());
        Self { scope, is_last_update }
    }
}

// === impl BaseState ===

impl From<&Request<'_>> for BaseState {
    fn from(request: &Request<'_>) -> Self {
        let uid = metadata(request.object.as_deref()).uid.filter(|uid| uid.len() <= UID_BYTES);
        let version = metadata(request.old_object.as_deref()).resource_version;
        Self {
            uid: uid.unwrap_or_default().into_owned(),
            version: version.and_then(|version| version.parse().ok()),
        }
    }
}

impl BaseState {
    /// Returns the state of an object with this uid, of which no version is known.
    pub(super) fn of_uid(uid: &str) -> Self {
        Self { uid: uid.to_owned(), version: None }
    }

    /// Returns the uid; empty if there is none.
    pub(super) fn into_uid(self) -> String {
        self.uid
    }

    /// Returns whether a stored object is the same one, and not a later one with the same name.
    pub(super) fn has_uid(&self, uid: &str) -> bool {
        !self.uid.is_empty() && self.uid == uid
    }

    /// Returns whether a stored state of the same object is the admitted one or a later one. Returns `false` if the
    /// versions can't be compared.
    pub(super) fn is_superseded_by(&self, uid: &str, version: Option<u64>) -> bool {
        let is_later = self.version.is_none_or(|base| version.is_some_and(|version| version > base));
        self.has_uid(uid) && is_later
    }
}

/// Returns the uid of a stored object.
pub(super) fn uid(object: &str) -> Option<String> {
    metadata(Some(object)).uid.map(Cow::into_owned)
}

/// Returns an object's metadata, or empty metadata if the object can't be read.
fn metadata(object: Option<&str>) -> PartialMetadata<'_> {
    let object = object.and_then(|json| serde_json::from_str::<PartialObject<'_>>(json).ok());
    object.and_then(|object| object.metadata).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::Phase;

    fn base(uid: &str, version: Option<u64>) -> BaseState {
        BaseState { uid: uid.to_owned(), version }
    }

    #[test]
    fn drops_names_and_uids_longer_than_the_api_server_allows() {
        let kept = |name: usize, uid: usize| {
            let metadata = serde_json::json!({"name": "n".repeat(name), "uid": "u".repeat(uid)});
            let object = serde_json::json!({"metadata": metadata}).to_string();
            let request = Request {
                operation: Operation::Create,
                phase: Phase::Validate,
                scope: Scope::default(),
                kind: "".into(),
                dry_run: false,
                user_info: "".into(),
                object: Some(object.into()),
                old_object: None,
            };
            (TargetObject::from(&request).scope.name.len(), BaseState::from(&request).uid.len())
        };
        assert_eq!(kept(NAME_BYTES, UID_BYTES), (NAME_BYTES, UID_BYTES));
        assert_eq!(kept(NAME_BYTES + 1, UID_BYTES + 1), (0, 0));
    }

    #[test]
    fn a_created_object_supersedes_its_creation_and_an_earlier_one_with_the_same_name_does_not() {
        assert!(base("u2", None).is_superseded_by("u2", Some(1)));
        assert!(!base("u2", None).is_superseded_by("u1", Some(9)));
        assert!(!base("", None).is_superseded_by("", Some(9)));
    }

    #[test]
    fn only_a_later_version_supersedes_an_update() {
        assert!(base("u", Some(7)).is_superseded_by("u", Some(8)));
        assert!(!base("u", Some(7)).is_superseded_by("u", Some(7)));
        assert!(!base("u", Some(7)).is_superseded_by("u", None));
    }
}
