//! The builder of a JSON Patch that only adds what is missing.

use super::object::{Object, ObjectError};
use serde_json::{Map, Value, json};
use std::fmt;

/// A JSON Patch (RFC 6902) that adds what an object lacks, and changes nothing else. It is displayed as JSON.
#[derive(Clone, Debug)]
pub struct Patch {
    /// The object with all operations applied.
    patched: Value,
    operations: Vec<Value>,
}

// === impl Patch ===

impl Patch {
    /// Begins a patch of an object.
    ///
    /// # Errors
    ///
    /// The object is not JSON.
    pub fn of(object: &Object<'_>) -> Result<Self, ObjectError> {
        Ok(Self { patched: object.json()?.clone(), operations: Vec::new() })
    }

    /// Returns true if there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Returns the object with the patch applied.
    pub fn patched(&self) -> &Value {
        &self.patched
    }

    /// Adds a value, with all parents that are missing; does nothing if there is one. A segment is the name of a member or the
    /// position in a list, without escapes. A member that is `null` is missing, as for the API server.
    ///
    /// # Errors
    ///
    /// A parent is neither an object nor a list with this position.
    pub fn add_missing(&mut self, path: &[&str], value: impl Into<Value>) -> Result<(), ObjectError> {
        let mut at = &mut self.patched;
        for (depth, segment) in path.iter().enumerate() {
            let (parents, rest) = path.split_at(depth);
            at = match at {
                Value::Object(members) if members.get(*segment).is_none_or(Value::is_null) => {
                    let added = nested(rest.get(1..).unwrap_or_default(), value.into());
                    members.insert((*segment).to_owned(), added.clone());
                    self.operations.push(addition(&pointer(path.iter().take(depth + 1)), added));
                    return Ok(());
                }
                Value::Object(members) => members.get_mut(*segment),
                Value::Array(elements) => {
                    segment.parse().ok().and_then(|position: usize| elements.get_mut(position))
                }
                _ => None,
            }
            .ok_or_else(|| ObjectError::new(parents.join("."), format!("has no {segment:?}")))?;
        }
        Ok(())
    }

    /// Appends a value to a list, which is created if it is missing; does nothing if the list has the value.
    ///
    /// # Errors
    ///
    /// There is something else than a list, or [`add_missing`](Self::add_missing) fails.
    pub fn append_missing(&mut self, list: &[&str], value: impl Into<Value>) -> Result<(), ObjectError> {
        let value = value.into();
        match self.patched.pointer_mut(&pointer(list.iter())) {
            None | Some(Value::Null) => self.add_missing(list, vec![value]),
            Some(Value::Array(elements)) if elements.contains(&value) => Ok(()),
            Some(Value::Array(elements)) => {
                elements.push(value.clone());
                self.operations.push(addition(&pointer(list.iter().chain(&["-"])), value));
                Ok(())
            }
            Some(_) => Err(ObjectError::new(list.join("."), "is not a list")),
        }
    }

    /// Returns the operations since the last call; the object stays patched.
    pub(super) fn take_operations(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.operations)
    }
}

impl fmt::Display for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(&self.operations))
    }
}

/// Returns operations as a JSON Patch.
pub(super) fn text(operations: &[Value]) -> String {
    Value::from(operations).to_string()
}

fn addition(path: &str, value: Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}

/// Returns a value as the only member of objects with these names, the outermost first.
fn nested(names: &[&str], value: Value) -> Value {
    names.iter().rev().fold(value, |inner, name| Map::from_iter([((*name).to_owned(), inner)]).into())
}

/// Returns the JSON Pointer (RFC 6901) of a path.
fn pointer<'a>(path: impl Iterator<Item = &'a &'a str>) -> String {
    path.map(|segment| format!("/{}", segment.replace('~', "~0").replace('/', "~1"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::Scope;

    /// Returns the patch of an object.
    fn patched(
        text: &str,
        add: impl FnOnce(&mut Patch) -> Result<(), ObjectError>,
    ) -> Result<Value, ObjectError> {
        let scope = Scope::default();
        let mut patch = Patch::of(&Object::new(&scope, text))?;
        add(&mut patch)?;
        Ok(serde_json::from_str(&patch.to_string()).expect("a patch is JSON"))
    }

    #[test]
    fn adds_a_member_with_its_missing_parents_and_escapes_its_name() {
        let patch = patched(r#"{"metadata": {}}"#, |patch| {
            patch.add_missing(&["metadata", "labels", "example.com/a~b"], "x")?;
            patch.add_missing(&["metadata", "labels", "example.com/c"], "y")
        });
        let expected = json!([
            {"op": "add", "path": "/metadata/labels", "value": {"example.com/a~b": "x"}},
            {"op": "add", "path": "/metadata/labels/example.com~1c", "value": "y"},
        ]);
        assert_eq!(patch, Ok(expected));
    }

    #[test]
    fn changes_nothing_that_is_there() {
        let object = r#"{"spec": {"replicas": 0, "tolerations": ["a"]}}"#;
        let patch = patched(object, |patch| {
            patch.add_missing(&["spec", "replicas"], 2)?;
            patch.append_missing(&["spec", "tolerations"], "a")
        });
        assert_eq!(patch, Ok(json!([])));
    }

    #[test]
    fn adds_in_place_of_null() {
        let patch = patched(r#"{"metadata": {"labels": null}}"#, |patch| {
            patch.add_missing(&["metadata", "labels", "a"], "x")
        });
        assert_eq!(patch, Ok(json!([{"op": "add", "path": "/metadata/labels", "value": {"a": "x"}}])));
    }

    #[test]
    fn adds_within_and_to_lists() {
        let patch = patched(r#"{"containers": [{}, {}]}"#, |patch| {
            patch.add_missing(&["containers", "1", "tty"], true)?;
            patch.append_missing(&["containers"], json!({"name": "c"}))?;
            patch.append_missing(&["finalizers"], "f")
        });
        let expected = json!([
            {"op": "add", "path": "/containers/1/tty", "value": true},
            {"op": "add", "path": "/containers/-", "value": {"name": "c"}},
            {"op": "add", "path": "/finalizers", "value": ["f"]},
        ]);
        assert_eq!(patch, Ok(expected));
    }

    #[test]
    fn fails_at_a_parent_that_has_no_members() {
        let object = r#"{"metadata": {"labels": "x"}, "spec": {"containers": [{}]}}"#;
        let of_text = patched(object, |patch| patch.add_missing(&["metadata", "labels", "a"], "x"));
        assert_eq!(of_text, Err(ObjectError::new("metadata.labels", "has no \"a\"")));
        let beyond = patched(object, |patch| patch.add_missing(&["spec", "containers", "1", "tty"], true));
        assert_eq!(beyond, Err(ObjectError::new("spec.containers", "has no \"1\"")));
        let no_list = patched(object, |patch| patch.append_missing(&["metadata"], "x"));
        assert_eq!(no_list, Err(ObjectError::new("metadata", "is not a list")));
    }
}
