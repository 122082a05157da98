//! From manifests to a map, as `ordinance map` does it: the mutating review patches every set.

use ordinance_case::{Build as _, Indexed, PolicyFunctions as _};
use ordinance_contract::{Phase, Scope};
use ordinance_json::applied;
use ordinance_manifests::{Manifest, read};
use ordinance_map::{Map, MappedObject, RefusedObject};
use ordinance_testkit::Native;

/// Returns the map of the manifests in a text.
pub fn map(text: &str) -> Map {
    let manifests: Result<Vec<Manifest>, _> = read(text, "default").into_iter().collect();
    let manifests = manifests.expect("manifests");
    let mut refused = Vec::new();
    let objects: Vec<MappedObject<'_>> = manifests
        .iter()
        .map(|manifest| {
            let others: Vec<Manifest> =
                manifests.iter().filter(|other| !other.scope.same_object(&manifest.scope)).cloned().collect();
            MappedObject { after: created(manifest, &others, &mut refused).into(), ..object(manifest) }
        })
        .collect();
    let keys = |scope: &Scope<'_>, object: &str| Native.keys(scope, object, "");
    Map { refused, ..Map::new(&objects, &keys) }
}

fn object(manifest: &Manifest) -> MappedObject<'_> {
    MappedObject::new(manifest.scope.borrowed(), &*manifest.json)
}

/// Returns the JSON of an object after the mutating review.
fn created(manifest: &Manifest, others: &[Manifest], refused: &mut Vec<RefusedObject>) -> String {
    if manifest.kind != "StatefulSet" {
        return manifest.json.clone();
    }
    let verdict = Indexed(Native).verdict("", others, &manifest.creation(Phase::Mutate)).expect("a verdict");
    if !verdict.is_allowed() {
        let facts: Vec<&str> = verdict.findings.iter().map(|finding| &*finding.fact).collect();
        refused.push(RefusedObject {
            object: manifest.scope.clone(),
            is_stored: false,
            message: facts.join("; "),
        });
    }
    let patch: Vec<serde_json::Value> =
        verdict.patch.map(|patch| serde_json::from_str(&patch).expect("a patch")).unwrap_or_default();
    applied(&manifest.json, &patch).expect("a patch that fits")
}
