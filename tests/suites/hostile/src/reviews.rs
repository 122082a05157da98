//! Admission reviews as the API server would send them.

use serde_json::{Value, json};

/// Returns the review of an operation on an object of this group, version and resource. The old object is null for a creation.
pub(crate) fn review(
    operation: &str,
    [group, version, resource]: [&str; 3],
    object: &Value,
    old: &Value,
) -> Value {
    let metadata = &object["metadata"];
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "review", "operation": operation,
            "kind": {"group": group, "version": version, "kind": object["kind"]},
            "resource": {"group": group, "version": version, "resource": resource},
            "name": metadata["name"], "namespace": metadata["namespace"].as_str().unwrap_or_default(),
            "object": object, "oldObject": old,
        },
    })
}
