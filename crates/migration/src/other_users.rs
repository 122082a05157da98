//! What else uses the storage, and what else changes the set.

use crate::stored_set::StoredSet;
use crate::volumes::{VolumeMigration, root};
use ordinance_map::{Map, MappedObject};
use serde_json::Value;
use std::collections::BTreeSet;

/// Where objects have the specification of a pod.
const PODS: [&str; 3] = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];

/// Labels and annotations that name a controller which writes the set again.
const CONTROLLERS: [(&str, &str); 5] = [
    ("/metadata/annotations/meta.helm.sh~1release-name", "Helm release"),
    ("/metadata/labels/argocd.argoproj.io~1instance", "Argo CD application"),
    ("/metadata/annotations/argocd.argoproj.io~1tracking-id", "Argo CD application"),
    ("/metadata/labels/kustomize.toolkit.fluxcd.io~1name", "Flux Kustomization"),
    ("/metadata/labels/helm.toolkit.fluxcd.io~1name", "Flux HelmRelease"),
];

/// Returns what the operator has to stop or to pause, a line each.
pub(crate) fn warnings(
    set: &StoredSet,
    volumes: &[VolumeMigration],
    map: &Map,
    objects: &[MappedObject<'_>],
) -> Vec<String> {
    let mut warnings = BTreeSet::new();
    warnings.extend(other_sets(set, volumes, map));
    warnings.extend(other_pods(set, volumes, objects));
    warnings.extend(controllers(set));
    warnings.extend(objects.iter().filter_map(|object| autoscaler(set, object)));
    warnings.into_iter().collect()
}

/// Names the other StatefulSets that write to a directory, inside of it or around it.
fn other_sets(set: &StoredSet, volumes: &[VolumeMigration], map: &Map) -> Vec<String> {
    let others = map
        .before
        .writers
        .iter()
        .filter(|writer| writer.pod.namespace != set.namespace || writer.pod.stateful_set != set.name);
    let overlapping = others.flat_map(|writer| {
        let other = root(&writer.location);
        let inside = volumes.iter().filter(move |volume| overlaps(&volume.location, &other));
        inside.map(|volume| {
            let (namespace, name) = (&writer.pod.namespace, &writer.pod.stateful_set);
            format!(
                "StatefulSet {namespace}/{name} uses {} too: scale it to 0 while files are copied",
                volume.location
            )
        })
    });
    overlapping.collect()
}

/// Returns whether one of two locations is the other one, or inside of it.
pub(crate) fn overlaps(one: &str, other: &str) -> bool {
    let is_inside = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_inside(one, other) || is_inside(other, one)
}

/// Names the other objects of the namespace whose pods use a claim.
fn other_pods(set: &StoredSet, volumes: &[VolumeMigration], objects: &[MappedObject<'_>]) -> Vec<String> {
    let claims: Vec<&str> = volumes.iter().filter_map(|volume| volume.claim.as_deref()).collect();
    let own_pods: BTreeSet<String> = volumes
        .iter()
        .flat_map(|volume| &volume.directories)
        .map(|directory| format!("{}-{}", set.name, directory.ordinal))
        .collect();
    let mut found = Vec::new();
    for object in objects.iter().filter(|object| object.scope.namespace == set.namespace) {
        let scope = &object.scope;
        let is_own =
            scope.resource == "statefulsets" || scope.resource == "pods" && own_pods.contains(&*scope.name);
        let Ok(value) = serde_json::from_str::<Value>(&object.before) else { continue };
        for claim in claims.iter().filter(|claim| !is_own && uses(&value, claim)) {
            found.push(format!(
                "{} {} uses claim {claim} too: stop it while files are copied",
                scope.resource.trim_end_matches('s'),
                scope.name
            ));
        }
    }
    found
}

fn uses(object: &Value, claim: &str) -> bool {
    let volumes = PODS.iter().filter_map(|pod| object.pointer(pod)?.get("volumes")?.as_array()).flatten();
    volumes.filter_map(|volume| volume.pointer("/persistentVolumeClaim/claimName")).any(|name| name == claim)
}

/// Names the controllers that would undo the change.
fn controllers(set: &StoredSet) -> Vec<String> {
    let text = |pointer: &str| set.value.pointer(pointer).and_then(Value::as_str);
    let labelled = CONTROLLERS.iter().filter_map(|(pointer, what)| Some((*what, text(pointer)?.to_owned())));
    let owners =
        set.value.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
    let owners = owners.filter_map(|owner| {
        Some(("owner", format!("{} {}", owner["kind"].as_str()?, owner["name"].as_str()?)))
    });
    labelled
        .chain(owners)
        .map(|(what, name)| {
            format!("{what} {name} manages the set: pause it, and change its manifests likewise")
        })
        .collect()
}

fn autoscaler(set: &StoredSet, object: &MappedObject<'_>) -> Option<String> {
    if object.scope.resource != "horizontalpodautoscalers" || object.scope.namespace != set.namespace {
        return None;
    }
    let value: Value = serde_json::from_str(&object.before).ok()?;
    let target = value.pointer("/spec/scaleTargetRef")?;
    let is_target = target["kind"] == "StatefulSet" && target["name"] == *set.name;
    is_target.then(|| {
        format!(
            "HorizontalPodAutoscaler {} scales the set: it rests while the set has 0 replicas",
            object.scope.name
        )
    })
}
