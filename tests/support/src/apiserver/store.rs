//! The stored objects with a version for each change, and the changes since the last compaction.

use super::request::ApiRequest;
use super::script::status;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;
use std::sync::Arc;

/// The objects of all resources.
#[derive(Debug, Default)]
pub(crate) struct ObjectStore {
    version: u64,
    compacted: u64,
    resources: BTreeMap<String, BTreeMap<String, StoredJson>>,
    changes: Vec<StoreChange>,
}

/// The JSON text of an object.
#[derive(Clone, Debug)]
struct StoredJson(Arc<str>);

/// A change, as watches receive it.
#[derive(Clone, Debug)]
pub(crate) struct StoreChange {
    pub(crate) resource: String,
    version: u64,
    kind: &'static str,
    object: StoredJson,
}

// === impl ObjectStore ===

impl ObjectStore {
    /// Stores an object with a new version. It replaces the one with the same name and namespace.
    pub(crate) fn put(&mut self, resource: &str, mut object: Value) -> StoreChange {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let stored = StoredJson::from(&object);
        let objects = self.resources.entry(resource.to_owned()).or_default();
        let kind = match objects.insert(key(&object), stored.clone()) {
            Some(_) => "MODIFIED",
            None => "ADDED",
        };
        self.record(resource, kind, stored)
    }

    /// Deletes the object of a key, or returns `None` if there is none.
    pub(crate) fn delete(&mut self, resource: &str, key: &str) -> Option<StoreChange> {
        let StoredJson(text) = self.resources.get_mut(resource)?.remove(key)?;
        let mut object: Value = serde_json::from_str(&text).ok()?;
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        Some(self.record(resource, "DELETED", StoredJson::from(&object)))
    }

    /// Returns whether there is an object of the same name.
    pub(crate) fn contains(&self, resource: &str, object: &Value) -> bool {
        self.resources.get(resource).is_some_and(|objects| objects.contains_key(&key(object)))
    }

    /// Returns the objects of a resource, in the order of their keys.
    pub(crate) fn objects(&self, resource: &str) -> Vec<Value> {
        let stored = self.resources.get(resource).into_iter().flat_map(BTreeMap::values);
        stored.filter_map(|StoredJson(text)| serde_json::from_str(text).ok()).collect()
    }

    /// Returns the keys of the objects of a resource.
    pub(crate) fn names(&self, resource: &str) -> Vec<String> {
        self.resources.get(resource).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// Stores a text that need not be an object. Watches receive nothing.
    pub(crate) fn put_text(&mut self, resource: &str, key: &str, text: &str) {
        let objects = self.resources.entry(resource.to_owned()).or_default();
        objects.insert(key.to_owned(), StoredJson(text.into()));
    }

    /// Forgets the changes so far.
    pub(crate) fn compact(&mut self) {
        self.compacted = self.version;
        self.changes.clear();
    }

    /// Returns an object.
    pub(crate) fn get(&self, request: &ApiRequest) -> Option<String> {
        let stored = self.resources.get(&request.resource)?.get(&request.key())?;
        Some(stored.form(request.metadata_only).into_owned())
    }

    /// Returns a page of the current objects. Later pages of a list report the version of its first page.
    pub(crate) fn page(&self, request: &ApiRequest) -> String {
        let (version, after) = self.place(request);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let nothing = BTreeMap::new();
        let objects = self.resources.get(&request.resource).unwrap_or(&nothing);
        let mut rest = objects.range::<str, _>((start, Bound::Unbounded)).peekable();
        let (mut items, mut last) = (String::new(), "");
        for (key, stored) in rest.by_ref().take(request.limit.unwrap_or(usize::MAX)) {
            let comma = if items.is_empty() { "" } else { "," };
            let _ = write!(items, "{comma}{}", stored.form(request.metadata_only));
            last = key;
        }
        let token = if rest.peek().is_some() { format!("{version}_{last}") } else { String::new() };
        let metadata = json!({"resourceVersion": version.to_string(), "continue": token});
        // As `asPartialObjectMetadataList` in k8s.io/apiserver.
        let is_null = request.metadata_only && items.is_empty();
        let items = if is_null { "null".to_owned() } else { format!("[{items}]") };
        format!(r#"{{"kind":"List","apiVersion":"v1","metadata":{metadata},"items":{items}}}"#)
    }

    /// Returns the events that a new watch receives at once, or an error event if its version was compacted.
    pub(crate) fn since(&self, request: &ApiRequest) -> Result<Vec<String>, String> {
        let version = request.version.unwrap_or(self.version);
        if version < self.compacted {
            return Err(event("ERROR", &status(410).to_string()));
        }
        let later = |change: &&StoreChange| change.resource == request.resource && change.version > version;
        Ok(self.changes.iter().filter(later).map(|change| change.line(request.metadata_only)).collect())
    }

    /// Returns a bookmark event with the current version.
    pub(crate) fn bookmark(&self) -> String {
        let version = self.version.to_string();
        let object =
            json!({"kind": "Bookmark", "apiVersion": "v1", "metadata": {"resourceVersion": version}});
        event("BOOKMARK", &object.to_string())
    }

    /// Parses the continue token: the version of the first page, and the last key of the previous page.
    fn place<'a>(&self, request: &'a ApiRequest) -> (u64, Option<&'a str>) {
        let token = request.token.as_deref().and_then(|token| token.split_once('_'));
        let Some((version, key)) = token else { return (self.version, None) };
        (version.parse().unwrap_or(self.version), Some(key))
    }

    fn record(&mut self, resource: &str, kind: &'static str, object: StoredJson) -> StoreChange {
        let change = StoreChange { resource: resource.to_owned(), version: self.version, kind, object };
        self.changes.push(change.clone());
        change
    }
}

/// Returns the key of an object among those of its resource.
fn key(object: &Value) -> String {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    key_of(text("namespace"), text("name"))
}

// === impl ApiRequest ===

impl ApiRequest {
    /// Returns the key of the requested object among those of its resource.
    pub(crate) fn key(&self) -> String {
        key_of(&self.namespace, &self.name)
    }
}

fn key_of(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

/// Returns a line of a watch stream.
pub(crate) fn event(kind: &str, object: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

// === impl StoredJson ===

impl From<&Value> for StoredJson {
    fn from(object: &Value) -> Self {
        Self(object.to_string().into())
    }
}

impl StoredJson {
    /// Clients rarely ask for metadata only, so it is extracted on demand.
    fn form(&self, metadata_only: bool) -> Cow<'_, str> {
        if !metadata_only {
            return Cow::Borrowed(&self.0);
        }
        let object: Value = serde_json::from_str(&self.0).unwrap_or_default();
        Cow::Owned(partial(&object).to_string())
    }
}

fn partial(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
    })
}

// === impl StoreChange ===

impl StoreChange {
    pub(crate) fn line(&self, metadata_only: bool) -> String {
        event(self.kind, &self.object.form(metadata_only))
    }
}
