//! The changes of an object, and how a JSON Patch (RFC 6902) becomes changes.

use crate::error::{AmendError, field};
use json_patch::jsonptr::{Pointer, PointerBuf, Token};
use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation};
use serde::Deserialize as _;
use serde_json::Value;

/// The changes of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectChanges {
    /// Where the object begins: the start of its [`Manifest::bytes`](ordinance_manifests::Manifest::bytes).
    pub start: usize,
    /// In order: each applies to the result of the previous ones.
    pub changes: Vec<FieldChange>,
}

/// One change. All paths are JSON pointers (RFC 6901).
#[derive(Clone, Debug, PartialEq)]
pub enum FieldChange {
    /// The `add` operation: inserts an element into a list, or sets a member of a mapping that is absent, `null` or an
    /// empty string. Other members are not overwritten.
    Add {
        /// The path of the new value; `-` is the end of a list.
        path: String,
        /// The new value.
        value: Value,
    },
    /// The `replace` operation: puts a value in the place of an existing one.
    Replace {
        /// The path of the existing value.
        path: String,
        /// The new value.
        value: Value,
    },
    /// The `remove` operation: deletes a member of a mapping or an element of a list.
    Remove {
        /// The path of the existing value.
        path: String,
    },
    /// The operations `remove` and `add` on members of the same mapping, of which the second takes the first's
    /// position.
    Rewrite {
        /// The path of the existing member.
        path: String,
        /// The new name of the member; may be the old one.
        key: String,
        /// The new value of the member.
        value: String,
    },
}

// === impl FieldChange ===

impl FieldChange {
    /// Converts a JSON Patch to changes.
    ///
    /// A `remove` next to an `add` of a string to the same mapping becomes one [`FieldChange::Rewrite`], so that the
    /// member keeps its position, its quotes and its comment.
    ///
    /// # Errors
    ///
    /// If the patch has an operation other than `add`, `remove` and `replace`, or is not a JSON Patch.
    pub fn from_patch(patch: &[Value]) -> Result<Vec<Self>, AmendError> {
        let mut changes: Vec<Self> = Vec::with_capacity(patch.len());
        for operation in patch {
            let change = Self::from_operation(operation)?;
            match changes.last().and_then(|last| last.joined(&change)) {
                Some(rewrite) => drop(changes.splice(changes.len() - 1.., [rewrite])),
                None => changes.push(change),
            }
        }
        Ok(changes)
    }

    fn from_operation(operation: &Value) -> Result<Self, AmendError> {
        let parsed = PatchOperation::deserialize(operation)
            .map_err(|error| AmendError::Operation(error.to_string()))?;
        let path = parsed.path().as_str().to_owned();
        match parsed {
            PatchOperation::Add(AddOperation { value, .. }) => Ok(Self::Add { path, value }),
            PatchOperation::Replace(ReplaceOperation { value, .. }) => Ok(Self::Replace { path, value }),
            PatchOperation::Remove(_) => Ok(Self::Remove { path }),
            _ => {
                let name = operation["op"].as_str().unwrap_or_default();
                Err(AmendError::Operation(format!("{name} {}", field(&path))))
            }
        }
    }

    /// This change and the next one as a rewrite, or `None` if they are independent.
    fn joined(&self, next: &Self) -> Option<Self> {
        let (removed, added, value) = match (self, next) {
            (Self::Remove { path }, Self::Add { path: added, value: Value::String(value) }) => {
                (path, added, value)
            }
            // After an addition, a removal of the same path removes what was added.
            (Self::Add { path: added, value: Value::String(value) }, Self::Remove { path })
                if added != path =>
            {
                (path, added, value)
            }
            _ => return None,
        };
        let ((from, name), (to, key)) = (removed.rsplit_once('/')?, added.rsplit_once('/')?);
        if from != to || is_index(name) || is_index(key) {
            return None;
        }
        let key = Token::from_encoded(key).ok()?.decoded().into_owned();
        Some(Self::Rewrite { path: removed.clone(), key, value: value.clone() })
    }

    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Add { path, .. }
            | Self::Replace { path, .. }
            | Self::Remove { path }
            | Self::Rewrite { path, .. } => path,
        }
    }

    /// The decoded tokens of the path.
    pub(crate) fn steps(&self) -> Result<Vec<String>, AmendError> {
        let pointer = Pointer::parse(self.path()).map_err(|_| self.unexpected("a JSON pointer"))?;
        Ok(pointer.tokens().map(|token| token.decoded().into_owned()).collect())
    }

    pub(crate) fn unexpected(&self, expected: &'static str) -> AmendError {
        AmendError::Unexpected { field: field(self.path()), expected }
    }

    pub(crate) fn merged(&self) -> AmendError {
        AmendError::Merged { field: field(self.path()) }
    }

    pub(crate) fn repeated(&self) -> AmendError {
        AmendError::Repeated { field: field(self.path()) }
    }

    /// Applies the change to an object.
    pub(crate) fn apply(&self, object: &mut Value) -> Result<(), AmendError> {
        self.apply_at(object, &self.steps()?)
    }

    /// Applies the change to a part of an object; `steps` is the rest of the path from there.
    pub(crate) fn apply_at(&self, part: &mut Value, steps: &[String]) -> Result<(), AmendError> {
        let path = PointerBuf::from_tokens(steps);
        let operation = match self {
            Self::Add { value, .. } => PatchOperation::Add(AddOperation { path, value: value.clone() }),
            Self::Replace { value, .. } => {
                PatchOperation::Replace(ReplaceOperation { path, value: value.clone() })
            }
            Self::Remove { .. } => PatchOperation::Remove(RemoveOperation { path }),
            Self::Rewrite { key, value, .. } => {
                let rewritten = rewrite(part, steps, (key, value));
                return rewritten.ok_or_else(|| self.unexpected("something to change"));
            }
        };
        json_patch::patch(part, &[operation]).map_err(|_| self.unexpected("something to change"))
    }
}

/// Whether a token of a path may name an element of a list.
fn is_index(token: &str) -> bool {
    token == "-" || token.bytes().all(|byte| byte.is_ascii_digit())
}

fn rewrite(part: &mut Value, steps: &[String], (key, value): (&str, &str)) -> Option<()> {
    let (name, parents) = steps.split_last()?;
    let members = part.pointer_mut(PointerBuf::from_tokens(parents).as_str())?.as_object_mut()?;
    members.remove(name)?;
    members.insert(key.to_owned(), Value::from(value));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn from_patch(patch: Value) -> Result<Vec<FieldChange>, AmendError> {
        FieldChange::from_patch(patch.as_array().expect("a list"))
    }

    fn rewrite(path: &str, key: &str) -> FieldChange {
        FieldChange::Rewrite { path: path.to_owned(), key: key.to_owned(), value: "$(POD)/x".to_owned() }
    }

    #[test]
    fn joins_a_removal_and_an_addition_next_to_each_other_in_one_mapping() {
        let remove = json!({"op": "remove", "path": "/a/0/subPath"});
        let add = json!({"op": "add", "path": "/a/0/subPathExpr", "value": "$(POD)/x"});
        let env = json!({"op": "add", "path": "/env", "value": "x"});
        let expected = vec![
            FieldChange::Add { path: "/env".to_owned(), value: "x".into() },
            rewrite("/a/0/subPath", "subPathExpr"),
        ];
        assert_eq!(from_patch(json!([env, remove, add])), Ok(expected.clone()));
        assert_eq!(from_patch(json!([env, add, remove])), Ok(expected));
        let same = json!([remove, {"op": "add", "path": "/a/0/subPath", "value": "$(POD)/x"}]);
        assert_eq!(from_patch(same), Ok(vec![rewrite("/a/0/subPath", "subPath")]));
        let escaped = json!([
            {"op": "remove", "path": "/a~1b"},
            {"op": "add", "path": "/c~1d", "value": "$(POD)/x"},
        ]);
        assert_eq!(from_patch(escaped), Ok(vec![rewrite("/a~1b", "c/d")]));
    }

    #[test]
    fn keeps_independent_removals_and_additions_apart() {
        for patch in [
            json!([{"op": "remove", "path": "/a/b"}, {"op": "add", "path": "/c/b", "value": "x"}]),
            json!([{"op": "remove", "path": "/a/b"}, {"op": "add", "path": "/a/c", "value": 1}]),
            json!([{"op": "remove", "path": "/a/0"}, {"op": "add", "path": "/a/-", "value": "x"}]),
            json!([{"op": "add", "path": "/a/b", "value": "x"}, {"op": "remove", "path": "/a/b"}]),
        ] {
            assert_eq!(from_patch(patch.clone()).map(|changes| changes.len()), Ok(2), "{patch}");
        }
    }

    #[test]
    fn refuses_other_operations() {
        for (operation, reason) in [
            (json!({"op": "move", "from": "/a/0", "path": "/b"}), "move b"),
            (json!({"op": "test", "path": "/a/0", "value": 1}), "test a[0]"),
            (json!({"op": "jump", "path": "/b"}), "unknown variant"),
        ] {
            let refused = from_patch(json!([operation]));
            let is_named = matches!(&refused, Err(AmendError::Operation(text)) if text.starts_with(reason));
            assert!(is_named, "{refused:?}");
        }
    }
}
