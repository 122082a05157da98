//! Fields that the policy does not know are still there after its patch.

use crate::check::{is_mutated, with_object};
use crate::problem::CaseProblem;
use crate::world::World;
use ordinance_case::{Case, CheckName};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the names of the added fields begin with.
const UNKNOWN: &str = "xUnknown";

/// Members whose members are any names, so that no name is unknown there.
const STRING_MAPS: [&str; 9] = [
    "annotations",
    "labels",
    "matchLabels",
    "nodeSelector",
    "parameters",
    "volumeAttributes",
    "data",
    "stringData",
    "valueFrom",
];

pub(super) fn survival(case: &Case, world: &World<'_>) -> Result<Option<CaseProblem>, String> {
    if !is_mutated(case) {
        return Ok(None);
    }
    let object = case.request.object.as_deref().unwrap_or_default();
    let Ok(mut object) = serde_json::from_str::<Value>(object) else { return Ok(None) };
    let mut added = BTreeMap::new();
    grow(&mut object, "", &mut added);
    // The policy may refuse unknown fields.
    let Some(mutated) = world.mutated(&with_object(&case.request, &object.to_string()))? else {
        return Ok(None);
    };
    let lost: Vec<&String> = added
        .iter()
        .filter(|(name, _)| !mutated.object.contains(&format!("\"{name}\":\"{name}\"")))
        .map(|(_, place)| place)
        .collect();
    if lost.is_empty() {
        return Ok(None);
    }
    let places: Vec<&str> = lost.iter().map(|place| place.as_str()).take(3).collect();
    let message = format!("the patch drops fields that the policy does not know, in {}", places.join(", "));
    Ok(Some(CaseProblem::check(CheckName::UnknownFields, message).with_value(&mutated.patch)))
}

/// Adds a field to every object of a value, and remembers the place of each by its name.
fn grow(value: &mut Value, place: &str, added: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut().filter(|(name, _)| !STRING_MAPS.contains(&name.as_str()))
            {
                grow(member, format!("{place}.{name}").trim_start_matches('.'), added);
            }
            let name = format!("{UNKNOWN}{}", added.len());
            members.insert(name.clone(), name.clone().into());
            let place = if place.is_empty() { "the object" } else { place };
            added.insert(name, place.to_owned());
        }
        Value::Array(items) => {
            for (position, item) in items.iter_mut().enumerate() {
                grow(item, &format!("{place}[{position}]"), added);
            }
        }
        _ => {}
    }
}
