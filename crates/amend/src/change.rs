//! What is to change in an object.

use crate::reason::{Reason, field};
use json_patch::jsonptr::{Pointer, PointerBuf};
use json_patch::{AddOperation, PatchOperation};
use serde::Deserialize as _;
use serde_json::Value;

/// The changes of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Which one: where it begins, as [`Manifest::bytes`](ordinance_manifests::Manifest::bytes) has it.
    pub start: usize,
    /// In their order: each applies to what those before it left.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The `add` of JSON Patch: a member of a mapping that has none of that name or `null`, or an element of a list.
    Add {
        /// A JSON pointer.
        path: String,
        /// What is added.
        value: Value,
    },
    /// Another name and another text for a member that is a text.
    Rewrite {
        /// A JSON pointer to the member.
        path: String,
        /// Its new name; may be the old one.
        key: String,
        /// Its new text.
        value: String,
    },
}

// === impl Change ===

impl Change {
    /// The changes that a JSON Patch consists of.
    ///
    /// # Errors
    ///
    /// If it does anything else than `add`, or is no JSON Patch.
    pub fn of_patch(patch: &[Value]) -> Result<Vec<Self>, Reason> {
        let operation = |operation: &Value| {
            PatchOperation::deserialize(operation).map_err(|error| Reason::Operation(error.to_string()))
        };
        patch.iter().map(|value| operation(value).and_then(Self::of_operation)).collect()
    }

    fn of_operation(operation: PatchOperation) -> Result<Self, Reason> {
        match operation {
            PatchOperation::Add(AddOperation { path, value }) => {
                Ok(Self::Add { path: path.as_str().to_owned(), value })
            }
            other => Err(Reason::Operation(field(other.path().as_str()))),
        }
    }

    /// What it changes.
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Rewrite { path, .. } => path,
        }
    }

    /// The steps to what it changes; the last is that itself.
    pub(crate) fn steps(&self) -> Result<Vec<String>, Reason> {
        let pointer = Pointer::parse(self.path()).map_err(|_| self.unexpected("a JSON pointer"))?;
        Ok(pointer.tokens().map(|token| token.decoded().into_owned()).collect())
    }

    pub(crate) fn unexpected(&self, expected: &'static str) -> Reason {
        Reason::Other { field: field(self.path()), expected }
    }

    /// Changes an object.
    pub(crate) fn apply(&self, object: &mut Value) -> Result<(), Reason> {
        self.apply_at(object, &self.steps()?)
    }

    /// Changes a part of an object, to which some of the steps have led.
    pub(crate) fn apply_at(&self, part: &mut Value, steps: &[String]) -> Result<(), Reason> {
        match self {
            Self::Add { value, .. } => add(part, steps, value.clone()),
            Self::Rewrite { key, value, .. } => rewrite(part, steps, (key, value)),
        }
        .ok_or_else(|| self.unexpected("something to change"))
    }
}

fn rewrite(part: &mut Value, steps: &[String], (key, value): (&str, &str)) -> Option<()> {
    let (name, parents) = steps.split_last()?;
    let members = part.pointer_mut(PointerBuf::from_tokens(parents).as_str())?.as_object_mut()?;
    members.remove(name)?;
    members.insert(key.to_owned(), Value::from(value));
    Some(())
}

/// The `add` of JSON Patch; none if it can't be.
fn add(value: &mut Value, steps: &[String], added: Value) -> Option<()> {
    let path = PointerBuf::from_tokens(steps);
    json_patch::patch(value, &[PatchOperation::Add(AddOperation { path, value: added })]).ok()
}
