//! The requests of a client for objects, lists, watches, creations, patches and deletions, and for the resources of a group.

use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Uri};
use serde_json::Value;

/// The part of the Accept header that asks for metadata only.
const METADATA: &str = "as=PartialObjectMetadata";

/// The beginning of the content type of a server-side apply.
const APPLY: &[u8] = b"application/apply-patch";

/// The verb of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// One stored object.
    Get,
    /// A page of the stored objects.
    List,
    /// The events after a resource version.
    Watch,
    /// A new object.
    Create,
    /// A merge patch of a stored object, or a server-side apply, which also creates it.
    Patch,
    /// The resources of a group.
    Discover,
    /// The deletion of an object.
    Delete,
}

/// A received request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRequest {
    /// The group with its version, e.g. `apps/v1`; `v1` for the core group.
    pub group_version: String,
    /// The plural name, e.g. `persistentvolumes`; empty for a discovery.
    pub resource: String,
    /// The name in the path; empty for all objects.
    pub name: String,
    /// What the client wants to do.
    pub verb: Verb,
    /// The namespace in the path; empty without one.
    pub namespace: String,
    /// The object to create, or the patch; `null` for another verb.
    pub object: Value,
    /// Whether a patch is a server-side apply.
    pub applies: bool,
    /// The `resourceVersion`; `None` for the newest.
    pub version: Option<u64>,
    /// The maximal number of objects in the page.
    pub limit: Option<usize>,
    /// The continue token of the previous page.
    pub token: Option<String>,
    /// Whether the client asks for metadata only.
    pub metadata_only: bool,
}

// === impl ApiRequest ===

impl ApiRequest {
    pub(crate) fn new(method: &Method, uri: &Uri, fields: &HeaderMap, object: Value) -> Self {
        let parameter = |name: &str| {
            let pairs = uri.query().unwrap_or_default().split('&');
            pairs
                .filter_map(|pair| pair.split_once('='))
                .find(|(found, _)| *found == name)
                .map(|(_, value)| value)
        };
        let is_watch = parameter("watch").is_some_and(|value| matches!(value, "true" | "1"));
        let (group_version, parts) = parts(uri.path());
        let [namespace, resource, name] = parts.map(str::to_owned);
        Self {
            object,
            verb: match (method, is_watch) {
                _ if resource.is_empty() => Verb::Discover,
                (&Method::POST, _) => Verb::Create,
                (&Method::PATCH, _) => Verb::Patch,
                (&Method::DELETE, _) => Verb::Delete,
                (_, true) => Verb::Watch,
                (_, false) if name.is_empty() => Verb::List,
                (_, false) => Verb::Get,
            },
            applies: fields.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(APPLY)),
            group_version,
            namespace,
            resource,
            name,
            version: parameter("resourceVersion").and_then(|version| version.parse().ok()),
            limit: parameter("limit").and_then(|limit| limit.parse().ok()),
            token: parameter("continue").map(str::to_owned),
            metadata_only: accepts(fields).is_some_and(|accepted| accepted.contains(METADATA)),
        }
    }
}

/// Returns the group with its version, and the namespace, the resource and the name in a path.
fn parts(path: &str) -> (String, [&str; 3]) {
    let mut segments = path.split('/').skip(1);
    let before = if segments.next() == Some("apis") { 2 } else { 1 };
    let group_version: Vec<&str> = segments.by_ref().take(before).collect();
    let rest: Vec<&str> = segments.collect();
    let parts = match *rest.as_slice() {
        ["namespaces", namespace, resource, name] => [namespace, resource, name],
        ["namespaces", namespace, resource] => [namespace, resource, ""],
        [resource, name] => ["", resource, name],
        [resource] => ["", resource, ""],
        _ => [""; 3],
    };
    (group_version.join("/"), parts)
}

fn accepts(fields: &HeaderMap) -> Option<&str> {
    fields.get(ACCEPT)?.to_str().ok()
}
