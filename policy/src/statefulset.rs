//! StatefulSets: replicas must not overwrite each other's files.
//!
//! `create` and `update` review a StatefulSet, and `scale_subresource` a Scale. Each volume is judged by itself: by
//! `new_volume` if the replicas did not mount it before, otherwise by `existing_volume`. `patch` collects what the
//! review adds, and `verdict` makes a verdict of patch and findings.

mod claim_mark;
mod create;
mod donors;
mod existing_volume;
mod fix;
mod keys;
mod known_holdings;
mod metadata;
mod migration;
mod mount_groups;
mod new_volume;
mod new_writers;
mod old_volumes;
mod opt_out;
mod overlap;
mod patch;
mod patch_findings;
mod previous_mounts;
mod proposal;
mod replica_directory;
mod reserved_declarations;
mod reserved_variable;
mod review;
mod scale_subresource;
mod scale_up;
mod sub_path_findings;
mod update;
mod verdict;
mod volume;
mod windows;

pub(crate) use scale_subresource::parse as parse_scale;

use crate::parsed_request::ParsedRequest;
use crate::settings::Settings;
use create::SetCreation;
use keys::SetKeys;
use metadata::ParsedStatefulSet;
use opt_out::OptOut;
use ordinance_contract::{Key, Operation, Request, Scope, Stance};
use ordinance_storage::{PodSpec, json, missing_part};
use review::Set;
use serde::de::Error;
use update::{SetUpdate, UncomparedUpdate};

/// Returns the keys that a stored StatefulSet holds or uses.
pub(crate) fn keys(
    scope: &Scope<'_>,
    object: &str,
    settings: &Settings,
) -> Result<Vec<Key>, serde_json::Error> {
    let set: ParsedStatefulSet<'_> = json::read(object)?;
    let set_keys = SetKeys {
        set: Set::new(scope, &set.metadata, set.replicas()),
        opt_out: OptOut::of(&set.metadata.annotations),
        settings,
        bytes: object.len(),
    };
    let pod = &set.spec.template.0.spec;
    if let Some(part) = missing_part(pod, &set.spec.volume_claim_templates) {
        return Err(serde_json::Error::custom(format!(
            "spec.template lacks {part}, which no stored StatefulSet does"
        )));
    }
    let keys = set_keys.of_pod(pod, &set.spec.volume_claim_templates);
    let is_indexed = |key: &Key| {
        key.stance != Stance::Looks && !(set.is_being_deleted() && scale_subresource::is_scale_key(key))
    };
    Ok(keys.into_iter().filter(is_indexed).collect())
}

/// Returns an error if a stored set has no pod template. Its mounts are then unknown, and an update could hide files.
fn check_stored(pod: &PodSpec<'_>) -> Result<(), serde_json::Error> {
    if pod.has_containers() {
        return Ok(());
    }
    Err(serde_json::Error::custom("spec.template.spec.containers is empty, which no stored StatefulSet is"))
}

/// Parses a request for a StatefulSet.
pub(crate) fn parse<'a>(
    request: &'a Request<'_>,
    object: &'a str,
    settings: &'a Settings,
) -> Result<Box<dyn ParsedRequest + 'a>, serde_json::Error> {
    if request.operation != Operation::Update {
        return Ok(Box::new(SetCreation::parse(request, object, settings)?));
    }
    match request.old_object.as_deref() {
        Some(old) => Ok(Box::new(SetUpdate::parse(request, object, old, settings)?)),
        None => Ok(Box::new(UncomparedUpdate { settings })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::Phase;
    use serde_json::{Value, json};

    /// A set of 50 containers that mount the same 20 claims.
    fn large(root: &str, expression: Option<&str>) -> Value {
        let mount = |at: usize| {
            let mut mount = json!({"name": format!("v{at}"), "mountPath": format!("{root}/{at}")});
            if let (Some(expression), Some(members)) = (expression, mount.as_object_mut()) {
                members.insert("subPathExpr".to_owned(), expression.into());
            }
            mount
        };
        let mounts: Vec<Value> = (0..20).map(mount).collect();
        let containers: Vec<Value> =
            (0..50).map(|at| json!({"name": format!("c{at}"), "volumeMounts": mounts})).collect();
        let volume =
            |at| json!({"name": format!("v{at}"), "persistentVolumeClaim": {"claimName": format!("c{at}")}});
        let volumes: Vec<Value> = (0..20).map(volume).collect();
        json!({
            "metadata": {"name": "web"},
            "spec": {"replicas": 2, "template": {"spec": {"containers": containers, "volumes": volumes}}},
        })
    }

    /// Returns the number of operations of the patch.
    fn additions(object: &Value, old: Option<&Value>) -> usize {
        let scope = Scope {
            group: "apps".into(),
            version: "v1".into(),
            resource: "statefulsets".into(),
            name: "web".into(),
            ..Scope::default()
        };
        let request = Request {
            operation: if old.is_some() { Operation::Update } else { Operation::Create },
            phase: Phase::Mutate,
            scope,
            kind: "StatefulSet".into(),
            dry_run: false,
            user_info: "".into(),
            object: Some(object.to_string().into()),
            old_object: old.map(|old| old.to_string().into()),
        };
        let verdict = crate::review(&request, &Settings::default(), &[]);
        let patch: Vec<Value> =
            verdict.patch.map(|patch| serde_json::from_str(&patch).expect("JSON")).unwrap_or_default();
        patch.len()
    }

    #[test]
    fn a_large_set_is_isolated_as_a_whole() {
        assert_eq!(additions(&large("/data", None), None), 1_000 + 50);
    }

    #[test]
    fn a_large_set_gets_its_lost_expressions_back() {
        let old = large("/data", Some("$(ORDINANCE_POD_NAME)/x"));
        assert_eq!(additions(&large("/other", None), Some(&old)), 1_000 + 50);
    }
}
