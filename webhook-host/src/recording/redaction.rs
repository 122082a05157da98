//! What a kept review does without: data of Secrets, values of environment variables, and the user.

use serde_json::{Map, Value};

/// What stands in place of a removed text.
const REDACTED: &str = "redacted";

/// The annotation in which kubectl keeps the manifest of the last apply.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The parts that are kept although they may be private.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptParts {
    /// `userInfo`.
    pub users: bool,
    /// Data of Secrets, and values of environment variables.
    pub values: bool,
}

/// Removes the private parts of an AdmissionReview.
pub fn redact(review: &mut Value, kept: KeptParts) {
    let Some(request) = review.get_mut("request").and_then(Value::as_object_mut) else { return };
    if !kept.users {
        request.remove("userInfo");
    }
    if !kept.values {
        for object in ["object", "oldObject"] {
            if let Some(object) = request.get_mut(object) {
                redact_object(object);
            }
        }
    }
}

/// Redacts an object, and the manifest of its last apply.
fn redact_object(object: &mut Value) {
    if object.get("kind").and_then(Value::as_str) == Some("Secret") {
        for data in ["data", "stringData"] {
            if let Some(data) = object.get_mut(data).and_then(Value::as_object_mut) {
                data.values_mut().for_each(|value| *value = Value::from(""));
            }
        }
    }
    let annotations = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    if let Some(applied) = annotations.and_then(|annotations| annotations.get_mut(LAST_APPLIED)) {
        let manifest = applied.as_str().and_then(|text| serde_json::from_str(text).ok());
        *applied = manifest.map_or_else(
            || Value::from(REDACTED),
            |mut manifest| {
                redact_object(&mut manifest);
                manifest.to_string().into()
            },
        );
    }
    redact_variables(object);
}

/// Redacts the values of all lists `env` below a value.
fn redact_variables(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(variables) = members.get_mut("env").and_then(Value::as_array_mut) {
                variables.iter_mut().filter_map(Value::as_object_mut).for_each(redact_variable);
            }
            members.values_mut().for_each(redact_variables);
        }
        Value::Array(elements) => elements.iter_mut().for_each(redact_variables),
        _ => {}
    }
}

fn redact_variable(variable: &mut Map<String, Value>) {
    if let Some(value) = variable.get_mut("value") {
        *value = REDACTED.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn review() -> Value {
        let pod = |value: &str| {
            json!({"spec": {"containers": [{"name": "a", "env": [
            {"name": "PASSWORD", "value": value}, {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}]}})
        };
        let applied = json!({"kind": "StatefulSet", "spec": {"template": pod("p-applied")}}).to_string();
        json!({"request": {"uid": "u", "userInfo": {"username": "jane"},
            "object": {"kind": "StatefulSet", "metadata": {"annotations": {LAST_APPLIED: applied}}, "spec": {"template": pod("p-new")}},
            "oldObject": {"kind": "Secret", "data": {"a": "c2VjcmV0"}, "stringData": {"b": "p-secret"},
                "metadata": {"annotations": {LAST_APPLIED: "p-broken{"}}}}})
    }

    #[test]
    fn nothing_private_is_left() {
        let mut redacted = review();
        redact(&mut redacted, KeptParts::default());
        let text = redacted.to_string();
        for private in ["jane", "p-applied", "p-new", "c2VjcmV0", "p-secret", "p-broken"] {
            assert!(!text.contains(private), "{private}: {text}");
        }
        for kept in ["PASSWORD", "metadata.name", "\"uid\":\"u\"", "stringData"] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
    }

    #[test]
    fn what_is_asked_for_is_kept() {
        let mut kept = review();
        redact(&mut kept, KeptParts { users: true, values: true });
        assert_eq!(kept, review());
    }
}
