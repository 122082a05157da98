//! Makes plans of manifests.

use ordinance_case::PolicyFunctions as _;
use ordinance_contract::Scope;
use ordinance_manifests::{Manifest, read};
use ordinance_map::MappedObject;
use ordinance_migration::{Plan, PlanError, PlanOptions};
use ordinance_testkit::Native;
use serde_json::Value;

/// Reads manifests of the namespace `shop`.
pub fn manifests(text: &str) -> Vec<Manifest> {
    read(text, "shop").into_iter().collect::<Result<_, _>>().expect("manifests")
}

/// Plans the migration of the set `web`.
pub fn planned(text: &str, options: PlanOptions) -> Result<Plan, PlanError> {
    let manifests = manifests(text);
    let objects: Vec<MappedObject<'_>> =
        manifests.iter().map(|object| MappedObject::new(object.scope.borrowed(), &*object.json)).collect();
    let keys = |scope: &Scope<'_>, object: &str| Native.keys(scope, object, "");
    Plan::new(&objects, "shop", "web", &keys, options)
}

/// Plans the migration with the default options.
pub fn plan(text: &str) -> Plan {
    planned(text, PlanOptions::default()).expect("a plan")
}

/// Returns a set of three replicas with these members of its pod, and others of its specification.
pub fn set(pod: &str, spec: &str) -> String {
    format!(
        r#"{{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{{"name":"web"}},
            "spec":{{"replicas":3,"template":{{"spec":{{{pod}}}}}{spec}}}}}"#
    )
}

/// Returns a set with one container, of which these are the mounts of the volume `data`, and this is the volume's source.
pub fn set_with(mounts: &str, source: &str) -> String {
    set(
        &format!(
            r#""containers":[{{"name":"main","volumeMounts":[{mounts}]}}],"volumes":[{{"name":"data",{source}}}]"#
        ),
        "",
    )
}

/// The source of a claim by name.
pub const CLAIM: &str = r#""persistentVolumeClaim":{"claimName":"files"}"#;

/// A mount of the volume's root.
pub const MOUNT: &str = r#"{"name":"data","mountPath":"/data"}"#;

/// Returns the set that a plan's patch makes, after its guard that the set has no replicas.
pub fn patched(text: &str, patch: &[Value]) -> Value {
    let set = manifests(text).into_iter().find(|manifest| manifest.kind == "StatefulSet").expect("a set");
    let mut value: Value = serde_json::from_str(&set.json).expect("JSON");
    value["spec"]["replicas"] = 0.into();
    let patched = ordinance_json::applied(&value.to_string(), patch).expect("a patch that fits");
    let mut value: Value = serde_json::from_str(&patched).expect("JSON");
    value["spec"]["replicas"] = 3.into();
    value
}
