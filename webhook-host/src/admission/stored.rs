//! Which stored object a request is about, and whether it is the last that is heard of it.

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
        let mut scope = borrowed(&request.scope);
        if scope.name.is_empty() {
            scope.name = metadata.name.unwrap_or_default();
        }
        let is_last = request.operation == Operation::Update
            && metadata.deletion_timestamp.is_some()
            && metadata.finalizers.is_none_or(|finalizers| finalizers.is_empty());
        Self { scope, is_last }
    }
}

/// What the API server itself keeps of an object; nothing if it can't be read.
fn metadata(object: Option<&str>) -> Metadata<'_> {
    let object = object.and_then(|json| serde_json::from_str::<Object<'_>>(json).ok());
    object.and_then(|object| object.metadata).unwrap_or_default()
}

fn borrowed<'a>(scope: &'a Scope<'_>) -> Scope<'a> {
    Scope {
        group: Cow::Borrowed(&scope.group),
        version: Cow::Borrowed(&scope.version),
        resource: Cow::Borrowed(&scope.resource),
        subresource: Cow::Borrowed(&scope.subresource),
        namespace: Cow::Borrowed(&scope.namespace),
        name: Cow::Borrowed(&scope.name),
    }
}
