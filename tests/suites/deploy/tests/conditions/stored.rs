//! Requests as the API server sends them: objects pass through their types, and generations are counted.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use ordinance_contract::{Operation, Phase, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Returns the request as the API server would send it; `None` if it would refuse the object or the old one.
pub fn as_sent(request: &Request<'static>) -> Option<Request<'static>> {
    let read = |text: &Option<std::borrow::Cow<'_, str>>| match text {
        Some(text) => typed(&request.scope.resource, &request.scope.subresource, text).map(Some),
        None => Some(None),
    };
    let (mut object, mut old) = (read(&request.object)?, read(&request.old_object)?);
    if old.is_none() && request.operation == Operation::Update {
        return None;
    }
    if let (Some(object), Some(old)) = (&mut object, &mut old) {
        let changed = object["spec"] != old["spec"];
        old["metadata"]["generation"] = 4.into();
        object["metadata"]["generation"] = (if changed { 5 } else { 4 }).into();
    }
    let text = |value: Option<Value>| value.map(|value| value.to_string().into());
    Some(Request { phase: Phase::Mutate, object: text(object), old_object: text(old), ..request.clone() })
}

fn typed(resource: &str, subresource: &str, text: &str) -> Option<Value> {
    match (resource, subresource) {
        ("statefulsets", "") => through::<StatefulSet>(text),
        ("statefulsets", "scale") => through::<Scale>(text),
        ("persistentvolumes", "") => through::<PersistentVolume>(text),
        ("persistentvolumeclaims", "") => through::<PersistentVolumeClaim>(text),
        ("storageclasses", "") => through::<StorageClass>(text),
        _ => serde_json::from_str(text).ok(),
    }
}

/// Returns the object without the fields that its type lacks.
fn through<T: DeserializeOwned + Serialize>(text: &str) -> Option<Value> {
    let object: T = serde_json::from_str(text).ok()?;
    serde_json::to_value(object).ok().filter(has_template)
}

/// The API server always writes a set's pod template, even an empty one.
fn has_template(object: &Value) -> bool {
    object["kind"] != "StatefulSet" || object.pointer("/spec/template/spec").is_some()
}
