//! What a report reads of a stored object beside its identity: when it was created, and the namespace that it belongs to.

use ordinance_manifests::Manifest;
use serde_json::Deserializer;
use std::time::SystemTime;

/// Returns `metadata.creationTimestamp` as it is written, or `None` if the object has none.
pub(crate) fn creation_timestamp(object: &Manifest) -> Option<String> {
    text_at(object, &["metadata", "creationTimestamp"])
}

/// Returns the time at which an object was created, or `None` if the object does not say it.
pub fn creation_time(object: &Manifest) -> Option<SystemTime> {
    humantime::parse_rfc3339_weak(&creation_timestamp(object)?).ok()
}

/// Returns the namespace that an object belongs to: its own, or of a PersistentVolume that of its claim. Empty if there is none.
pub fn namespace(object: &Manifest) -> String {
    let scope = &object.scope;
    if scope.group.is_empty() && scope.resource == "persistentvolumes" {
        return text_at(object, &["spec", "claimRef", "namespace"]).unwrap_or_default();
    }
    scope.namespace.to_string()
}

fn text_at(object: &Manifest, path: &[&'static str]) -> Option<String> {
    ordinance_json::at(Deserializer::from_str(&object.json), path)
}
