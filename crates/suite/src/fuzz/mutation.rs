//! Random changes of a JSON value, and smaller values.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// Values that parsers are not prepared for.
const ODD_TEXTS: [&str; 12] =
    ["", " ", "-1", "0", "/", "..", "a/b~0~1", "$(POD_NAME)", "\u{0}", "\u{202e}x", "äöü😀", "null"];

/// Changes one random node.
pub(super) fn mutate(object: &mut Value, random: &mut Rng) {
    let mut pointers = Vec::new();
    collect(object, String::new(), &mut pointers);
    // The root and the names that tell what the object is stay, since the API server has checked those.
    pointers.retain(|pointer| {
        !matches!(&**pointer, "" | "/kind" | "/apiVersion" | "/metadata" | "/metadata/name")
    });
    if pointers.is_empty() {
        return;
    }
    let pointer = pointers.swap_remove(random.usize(..pointers.len()));
    match random.u8(..8) {
        0 | 1 => drop(remove(object, &pointer)),
        2 => double(object, &pointer),
        3 => add(object, &pointer, random),
        _ => {
            if let Some(node) = object.pointer_mut(&pointer) {
                *node = replacement(node, random);
            }
        }
    }
}

/// Returns another value than a node.
fn replacement(node: &Value, random: &mut Rng) -> Value {
    match (node, random.u8(..6)) {
        (_, 0) => Value::Null,
        (Value::String(text), 1) => format!("{text}{text}").into(),
        (Value::String(_), _) => ODD_TEXTS[random.usize(..ODD_TEXTS.len())].into(),
        (Value::Number(_), 1) => Value::from(i64::MAX),
        (Value::Number(_), 2) => Value::from(-1),
        (Value::Number(_), 3) => json!(0.5),
        (Value::Number(_), _) => Value::from(random.i64(0..10)),
        (Value::Bool(value), _) => Value::Bool(!value),
        (Value::Array(_), 1) => json!([null]),
        (Value::Array(_), _) => json!([]),
        (Value::Object(_), 1) => json!([]),
        (Value::Object(_), _) => Value::Object(Map::new()),
        (Value::Null, 1) => json!("x"),
        (Value::Null, _) => json!({}),
    }
}

/// Adds a member or an item.
fn add(object: &mut Value, pointer: &str, random: &mut Rng) {
    let name = ODD_TEXTS[random.usize(..ODD_TEXTS.len())];
    match object.pointer_mut(pointer) {
        Some(Value::Object(members)) => drop(members.insert(name.to_owned(), name.into())),
        Some(Value::Array(items)) => items.push(name.into()),
        _ => {}
    }
}

/// Repeats an item of a list.
fn double(object: &mut Value, pointer: &str) {
    let Some((parent, position)) = pointer.rsplit_once('/') else { return };
    if let (Some(Value::Array(items)), Ok(position)) = (object.pointer_mut(parent), position.parse::<usize>())
        && let Some(item) = items.get(position).cloned()
    {
        items.push(item);
    }
}

/// Removes a node.
fn remove(object: &mut Value, pointer: &str) -> Option<Value> {
    let (parent, name) = pointer.rsplit_once('/')?;
    match object.pointer_mut(parent)? {
        Value::Object(members) => members.remove(&name.replace("~1", "/").replace("~0", "~")),
        Value::Array(items) => {
            let position = name.parse::<usize>().ok().filter(|position| *position < items.len())?;
            Some(items.remove(position))
        }
        _ => None,
    }
}

/// Returns the nodes that can be removed to make a value smaller, the largest first.
pub(super) fn reductions(object: &Value) -> Vec<String> {
    let mut pointers = Vec::new();
    collect(object, String::new(), &mut pointers);
    pointers.retain(|pointer| {
        !matches!(&**pointer, "" | "/kind" | "/apiVersion" | "/metadata" | "/metadata/name")
    });
    pointers.sort_by_key(|pointer| {
        std::cmp::Reverse(object.pointer(pointer).map_or(0, |node| node.to_string().len()))
    });
    pointers
}

/// Returns the value without one of its nodes.
pub(super) fn without(object: &Value, pointer: &str) -> Value {
    let mut smaller = object.clone();
    remove(&mut smaller, pointer);
    smaller
}

/// Collects the pointers of all nodes.
fn collect(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect(
                    member,
                    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")),
                    pointers,
                );
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                collect(item, format!("{pointer}/{position}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(pointer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_changes_an_object_in_one_way_and_keeps_its_identity() {
        let object = json!({"kind": "A", "metadata": {"name": "a", "labels": {"b/c": "d"}}, "spec": {"e": [1, {"f": true}]}});
        let changed = |seed| {
            let (mut changed, mut random) = (object.clone(), Rng::with_seed(seed));
            for _ in 0..4 {
                mutate(&mut changed, &mut random);
            }
            changed
        };
        assert_eq!(changed(7), changed(7));
        assert_ne!(changed(7), changed(8));
        for seed in 0..200 {
            let changed = changed(seed);
            assert_eq!(
                (&changed["kind"], &changed["metadata"]["name"]),
                (&json!("A"), &json!("a")),
                "{changed}"
            );
        }
    }

    #[test]
    fn each_reduction_is_smaller() {
        let object = json!({"kind": "A", "metadata": {"name": "a", "labels": {"b/c": "d"}}, "spec": [1, {"f~": true}]});
        let smaller: Vec<Value> =
            reductions(&object).iter().map(|pointer| without(&object, pointer)).collect();
        assert_eq!(smaller.len(), 6);
        assert!(smaller.iter().all(|smaller| smaller.to_string().len() < object.to_string().len()));
    }
}
