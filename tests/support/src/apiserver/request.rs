//! The requests of a client for objects, lists, watches, creations and deletions.

use hyper::header::ACCEPT;
use hyper::{HeaderMap, Method, Uri};
use serde_json::Value;

/// The part of the Accept header that asks for metadata only.
const METADATA: &str = "as=PartialObjectMetadata";

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
    /// The deletion of an object.
    Delete,
}

/// A received request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRequest {
    /// The plural name, e.g. `persistentvolumes`.
    pub resource: String,
    /// The name in the path; empty for all objects.
    pub name: String,
    /// What the client wants to do.
    pub verb: Verb,
    /// The namespace in the path; empty without one.
    pub namespace: String,
    /// The object to create; `null` for another verb.
    pub object: Value,
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
        let [namespace, resource, name] = parts(uri.path()).map(str::to_owned);
        Self {
            object,
            verb: match (method, is_watch) {
                (&Method::POST, _) => Verb::Create,
                (&Method::DELETE, _) => Verb::Delete,
                (_, true) => Verb::Watch,
                (_, false) if name.is_empty() => Verb::List,
                (_, false) => Verb::Get,
            },
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

/// Returns the namespace, the resource and the name in a path.
fn parts(path: &str) -> [&str; 3] {
    let mut segments = path.split('/').skip(1);
    let before = if segments.next() == Some("apis") { 2 } else { 1 };
    let rest: Vec<&str> = segments.skip(before).collect();
    match *rest.as_slice() {
        ["namespaces", namespace, resource, name] => [namespace, resource, name],
        ["namespaces", namespace, resource] => [namespace, resource, ""],
        [resource, name] => ["", resource, name],
        [resource] => ["", resource, ""],
        _ => [""; 3],
    }
}

fn accepts(fields: &HeaderMap) -> Option<&str> {
    fields.get(ACCEPT)?.to_str().ok()
}
