//! Objects compared with their Kubernetes types: every field is known to the API server, and has the right type.

use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    apps::v1::Deployment,
    coordination::v1::Lease,
    core::v1::{ConfigMap, Namespace, ResourceQuota, Secret, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
    rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
    scheduling::v1::PriorityClass,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Custom resources of other operators. Only their kinds are checked.
const FOREIGN: [(&str, &str); 4] = [
    ("cert-manager.io/v1", "Certificate"),
    ("cert-manager.io/v1", "Issuer"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
];

/// Compares an object with its Kubernetes type.
///
/// # Errors
///
/// Returns the first field that the type lacks or that has another type, or an error if the chart should not create
/// this kind.
pub fn check(object: &Value) -> Result<(), String> {
    let (version, kind) = (text(object, "apiVersion"), text(object, "kind"));
    match (version, kind) {
        ("v1", "ConfigMap") => known::<ConfigMap>(object),
        ("v1", "Namespace") => known::<Namespace>(object),
        ("v1", "ResourceQuota") => known::<ResourceQuota>(object),
        ("v1", "Secret") => known::<Secret>(object),
        ("v1", "Service") => known::<Service>(object),
        ("v1", "ServiceAccount") => known::<ServiceAccount>(object),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition") => known::<CustomResourceDefinition>(object),
        ("apps/v1", "Deployment") => known::<Deployment>(object),
        ("coordination.k8s.io/v1", "Lease") => known::<Lease>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => known::<NetworkPolicy>(object),
        ("policy/v1", "PodDisruptionBudget") => known::<PodDisruptionBudget>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => known::<ClusterRole>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => known::<ClusterRoleBinding>(object),
        ("rbac.authorization.k8s.io/v1", "Role") => known::<Role>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => known::<RoleBinding>(object),
        ("scheduling.k8s.io/v1", "PriorityClass") => known::<PriorityClass>(object),
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration") => {
            known::<MutatingWebhookConfiguration>(object)
        }
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration") => {
            known::<ValidatingWebhookConfiguration>(object)
        }
        foreign if FOREIGN.contains(&foreign) => Ok(()),
        _ => Err(format!("{version} {kind}: a kind that nothing checks")),
    }
    .map_err(|error| format!("{kind} {}: {error}", text(&object["metadata"], "name")))
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

/// Deserializes an object as its type and serializes it again, and finds the field that was lost.
fn known<T: DeserializeOwned + Serialize>(object: &Value) -> Result<(), String> {
    let typed: T = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let known = serde_json::to_value(typed).map_err(|error| error.to_string())?;
    match lost(object, &known, "") {
        Some(path) => Err(format!("{path} is no field of it")),
        None => Ok(()),
    }
}

/// Returns the first path that is in `written` and not in `known`.
fn lost(written: &Value, known: &Value, path: &str) -> Option<String> {
    match (written, known) {
        (Value::Object(written), Value::Object(known)) => written.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match known.get(name) {
                Some(known) => lost(value, known, &path),
                None => Some(path),
            }
        }),
        (Value::Array(written), Value::Array(known)) if written.len() == known.len() => written
            .iter()
            .zip(known)
            .enumerate()
            .find_map(|(at, (written, known))| lost(written, known, &format!("{path}[{at}]"))),
        _ => (written != known).then(|| path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::json;

    #[test]
    fn a_field_that_the_type_has_not_is_named() {
        let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
            "spec": {"ports": [{"port": 1, "targetport": "https"}]}});
        assert_eq!(check(&object), Err("Service a: .spec.ports[0].targetport is no field of it".to_owned()));
    }

    #[test]
    fn a_kind_that_nothing_checks_is_refused() {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}});
        assert!(check(&object).is_err());
    }
}
