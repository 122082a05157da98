//! What to do with an object that exists already: files do not move because a manifest says where they should be.

use ordinance_amend::{Change, field};
use ordinance_manifests::Manifest;
use serde::Deserialize;
use std::fmt::Write;

/// What is read of an object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Existing {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    uid: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    replicas: Option<u32>,
}

/// How to migrate an object that exists; none if it does not.
pub(super) fn steps(object: &Manifest, changes: &[Change]) -> Option<String> {
    let existing: Existing = serde_json::from_str(&object.json).unwrap_or_default();
    existing.metadata.uid.filter(|uid| !uid.is_empty())?;
    let mut steps = String::from(
        "exists already (it has metadata.uid), so nothing is written: no file would move with it",
    );
    if object.kind == "StatefulSet" {
        steps.push_str(&of_set(object, existing.spec.replicas.unwrap_or(1), changes));
    }
    Some(steps)
}

fn of_set(object: &Manifest, replicas: u32, changes: &[Change]) -> String {
    let (name, namespace) = (&object.scope.name, &object.scope.namespace);
    let scale = |to| format!("kubectl scale statefulset {name} --namespace {namespace} --replicas={to}");
    let mut steps = String::from(". To migrate it:\n");
    let _ = writeln!(steps, "  1. {}", scale(0));
    steps.push_str("  2. move the files of each replica to where it will look for them in its volume:\n");
    for (mount, expression) in changes.iter().filter_map(expression) {
        let _ = writeln!(steps, "     {expression} for {mount}");
    }
    steps.push_str(
        "  3. run `ordinance check --fix` on the manifest that the set is applied from, and apply it\n",
    );
    let _ = write!(steps, "  4. {}", scale(replicas));
    steps
}

/// A mount and where its files are to be.
fn expression(change: &Change) -> Option<(String, &str)> {
    let (path, expression) = match change {
        Change::Add { path, value } | Change::Replace { path, value } => {
            (path.strip_suffix("/subPathExpr")?, value.as_str()?)
        }
        Change::Remove { .. } => return None,
        Change::Rewrite { path, value, .. } => (path.rsplit_once('/')?.0, value.as_str()),
    };
    Some((field(path), expression))
}
