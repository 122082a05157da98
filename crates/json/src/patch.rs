//! JSON Patch (RFC 6902): checked as text, and applied to the text of an object.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// Why a text is not a JSON Patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// It is not an array of objects whose members have the types of an operation.
    #[error("it is not a list of operations: {0}")]
    List(String),
    /// An operation is invalid.
    #[error("its operation {index} {fault}")]
    Operation {
        /// The position of the operation, from 0, as in a JSON Pointer.
        index: usize,
        /// What is wrong with it.
        fault: OperationFault,
    },
}

/// What is wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationFault {
    /// A member that the operation needs is missing.
    #[error("has no {0:?}")]
    Missing(&'static str),
    /// The operation is unknown.
    #[error("has another \"op\" than add, remove, replace, move, copy and test")]
    Unknown,
    /// A member is not a JSON Pointer (RFC 6901).
    #[error("has a {0:?} that is not a JSON Pointer: each part begins with /, and ~ is followed by 0 or 1")]
    Pointer(&'static str),
    /// A value is moved into itself.
    #[error("moves a value into itself")]
    IntoItself,
    /// It changes which object a Kubernetes object is.
    #[error("changes {0}, so that it would make another object")]
    Identity(&'static str),
}

/// The members of an operation. Others are ignored, as the RFC demands.
#[derive(serde::Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    op: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "some_text")]
    path: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "some_text")]
    from: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "some_value")]
    value: Option<IgnoredAny>,
}

/// The members of an operation, read from an object: a derived struct would accept an array, too.
struct Operation<'a>(Members<'a>);

/// A text, borrowed if it has no escapes.
#[derive(serde::Deserialize)]
struct BorrowedText<'a>(#[serde(borrow)] Cow<'a, str>);

/// The fields that say which object a Kubernetes object is, and what contains them.
const IDENTITY: [(&str, &str); 7] = [
    ("", "the whole object"),
    ("/apiVersion", "apiVersion"),
    ("/kind", "kind"),
    ("/metadata", "metadata as a whole"),
    ("/metadata/name", "metadata.name"),
    ("/metadata/namespace", "metadata.namespace"),
    ("/metadata/uid", "metadata.uid"),
];

/// Checks that a text is a JSON Patch with known operations, in one pass that keeps no value. Returns the number of
/// operations.
///
/// # Errors
///
/// The first fault.
pub fn check_patch(patch: &str) -> Result<usize, PatchError> {
    checked(patch, |operation| operation.check())
}

/// Checks a patch as [`check_patch`] does, and that it leaves alone which object a Kubernetes object is.
///
/// # Errors
///
/// The first fault.
pub fn check_object_patch(patch: &str) -> Result<usize, PatchError> {
    checked(patch, |operation| {
        operation.check()?;
        operation.changed_identity().map_or(Ok(()), |field| Err(OperationFault::Identity(field)))
    })
}

fn checked(
    patch: &str,
    check: impl Fn(&Members<'_>) -> Result<(), OperationFault>,
) -> Result<usize, PatchError> {
    let operations: Vec<Operation<'_>> =
        serde_json::from_str(patch).map_err(|error| PatchError::List(error.to_string()))?;
    for (index, operation) in operations.iter().enumerate() {
        check(&operation.0).map_err(|fault| PatchError::Operation { index, fault })?;
    }
    Ok(operations.len())
}

/// Applies a patch to an object, as the API server does.
///
/// # Errors
///
/// If the object is not JSON, the patch is not a JSON Patch, or an operation fails.
pub fn applied(object: &str, patch: &[Value]) -> Result<String, String> {
    if patch.is_empty() {
        return Ok(object.to_owned());
    }
    let mut object: Value = serde_json::from_str(object).map_err(|error| error.to_string())?;
    let patch: json_patch::Patch = serde_json::from_value(Value::from(patch))
        .map_err(|error| format!("the patch is not a JSON Patch: {error}"))?;
    json_patch::patch(&mut object, &patch)
        .map_err(|error| format!("the patch does not fit the object: {error}"))?;
    Ok(object.to_string())
}

/// Deserialises a text, which may not be null.
fn some_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    BorrowedText::deserialize(deserializer).map(|BorrowedText(text)| Some(text))
}

/// Deserialises a value. Null is a value.
fn some_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IgnoredAny>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(Some)
}

/// Returns whether a text is a JSON Pointer (RFC 6901).
fn is_pointer(text: &str) -> bool {
    let is_escaped = |rest: &str| rest.starts_with(['0', '1']);
    (text.is_empty() || text.starts_with('/')) && text.split('~').skip(1).all(is_escaped)
}

// === impl Members ===

impl Members<'_> {
    fn check(&self) -> Result<(), OperationFault> {
        let path = pointer("path", self.path.as_deref())?;
        match &*self.op {
            "remove" => Ok(()),
            "add" | "replace" | "test" => self.value.map(drop).ok_or(OperationFault::Missing("value")),
            "copy" => pointer("from", self.from.as_deref()).map(drop),
            "move" => match path.strip_prefix(pointer("from", self.from.as_deref())?) {
                Some(below) if below.starts_with('/') => Err(OperationFault::IntoItself),
                _ => Ok(()),
            },
            "" => Err(OperationFault::Missing("op")),
            _ => Err(OperationFault::Unknown),
        }
    }

    /// Returns the field that says which object an object is, if the operation changes it.
    fn changed_identity(&self) -> Option<&'static str> {
        let moved = self.from.as_deref().filter(|_| self.op == "move");
        let target = self.path.as_deref().filter(|_| self.op != "test");
        let changes = |path: &str| target == Some(path) || moved == Some(path);
        IDENTITY.iter().find(|(path, _)| changes(path)).map(|&(_, field)| field)
    }
}

/// Returns a member that has to be a JSON Pointer.
fn pointer<'a>(member: &'static str, value: Option<&'a str>) -> Result<&'a str, OperationFault> {
    let value = value.ok_or(OperationFault::Missing(member))?;
    if is_pointer(value) { Ok(value) } else { Err(OperationFault::Pointer(member)) }
}

// === impl Operation ===

impl<'de> Deserialize<'de> for Operation<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OperationVisitor)
    }
}

struct OperationVisitor;

impl<'de> Visitor<'de> for OperationVisitor {
    type Value = Operation<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with \"op\" and \"path\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Operation<'de>, A::Error> {
        Members::deserialize(MapAccessDeserializer::new(map)).map(Operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::{Value, json};

    fn fault(operation: &Value) -> Option<OperationFault> {
        let patch = json!([{"op": "remove", "path": "/a"}, operation]);
        match check_patch(&patch.to_string()) {
            Ok(2) => None,
            Err(PatchError::Operation { index: 1, fault }) => Some(fault),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fails_on_a_patch_that_does_not_fit() {
        let patch = [json!({"op": "add", "path": "/a/b", "value": 1})];
        assert!(applied("{}", &patch).is_err_and(|error| error.contains("does not fit")));
    }

    #[test]
    fn accepts_each_operation_of_the_rfc() {
        for operation in [
            json!({"op": "add", "path": "", "value": {}}),
            json!({"op": "add", "path": "/a~1b/~0/-", "value": null}),
            json!({"op": "replace", "path": "/a", "value": [1]}),
            json!({"op": "test", "path": "/a", "value": "x", "comment": "ignored"}),
            json!({"op": "remove", "path": "/\u{e4}\"/0"}),
            json!({"op": "copy", "path": "/a/b", "from": "/a"}),
            json!({"op": "move", "path": "/ab", "from": "/a"}),
        ] {
            assert_eq!(fault(&operation), None, "{operation}");
        }
        assert_eq!(check_patch(" [ ] "), Ok(0));
    }

    #[test]
    fn names_the_fault_of_an_operation() {
        use OperationFault::{IntoItself, Missing, Pointer, Unknown};
        for (operation, expected) in [
            (json!({"path": "/a", "value": 1}), Missing("op")),
            (json!({"op": "Add", "path": "/a", "value": 1}), Unknown),
            (json!({"op": "merge", "path": "/a", "value": 1}), Unknown),
            (json!({"op": "add", "value": 1}), Missing("path")),
            (json!({"op": "add", "path": "a", "value": 1}), Pointer("path")),
            (json!({"op": "add", "path": "/a~2", "value": 1}), Pointer("path")),
            (json!({"op": "remove", "path": "/a~"}), Pointer("path")),
            (json!({"op": "add", "path": "/a"}), Missing("value")),
            (json!({"op": "replace", "path": "/a"}), Missing("value")),
            (json!({"op": "test", "path": "/a"}), Missing("value")),
            (json!({"op": "copy", "path": "/a"}), Missing("from")),
            (json!({"op": "move", "path": "/a", "from": "b"}), Pointer("from")),
            (json!({"op": "move", "path": "/a/b", "from": "/a"}), IntoItself),
            (json!({"op": "move", "path": "/a", "from": ""}), IntoItself),
        ] {
            assert_eq!(fault(&operation), Some(expected), "{operation}");
        }
    }

    #[test]
    fn a_patch_of_an_object_leaves_its_identity_alone() {
        let fault = |operation: Value| match check_object_patch(&json!([operation]).to_string()) {
            Err(PatchError::Operation { fault: OperationFault::Identity(field), .. }) => Some(field),
            Ok(1) => None,
            other => panic!("{other:?}"),
        };
        for (operation, field) in [
            (json!({"op": "replace", "path": "", "value": {}}), "the whole object"),
            (json!({"op": "replace", "path": "/kind", "value": "Other"}), "kind"),
            (json!({"op": "remove", "path": "/metadata"}), "metadata as a whole"),
            (json!({"op": "add", "path": "/metadata/name", "value": "b"}), "metadata.name"),
            (json!({"op": "move", "from": "/metadata/uid", "path": "/spec/a"}), "metadata.uid"),
            (json!({"op": "copy", "from": "/spec/a", "path": "/apiVersion"}), "apiVersion"),
        ] {
            assert_eq!(fault(operation.clone()), Some(field), "{operation}");
        }
        for operation in [
            json!({"op": "test", "path": "/kind", "value": "Pod"}),
            json!({"op": "copy", "from": "/metadata/name", "path": "/spec/a"}),
            json!({"op": "add", "path": "/metadata/labels", "value": {}}),
            json!({"op": "add", "path": "/spec/template/metadata/name", "value": "b"}),
        ] {
            assert_eq!(fault(operation.clone()), None, "{operation}");
        }
    }

    #[test]
    fn refuses_what_is_no_list_of_objects() {
        for patch in [
            "",
            "null",
            "{}",
            "[1]",
            r#"[["add","/a",null,1]]"#,
            r#"[{"op":"remove","path":"/a"}"#,
            r#"[{"op":"remove","path":"/a"}] x"#,
            r#"[{"op":1,"path":"/a"}]"#,
            r#"[{"op":"remove","path":null}]"#,
            r#"[{"op":"remove","path":["/a"]}]"#,
            r#"[{"op":"test","op":"remove","path":"/a","value":1}]"#,
            r#"[{"op":"remove","path":"/a","path":"/b"}]"#,
            r#"[{"op":"add","path":"/a","value":1,"value":1}]"#,
            r#"[{"op":"add","path":"/a","value":}]"#,
            r#"[{"op":"add","path":"/a","value":tru}]"#,
            r#"[{"op":"add","path":"/a","value":01}]"#,
            r#"[{"op":"add","path":"/a","value":"\x"}]"#,
            "[{\"op\":\"add\",\"path\":\"/a\",\"value\":\"\n\"}]",
            r#"[{"op":"add","path":"/a","value":{"b":}}]"#,
            r#"[{"op":"add","path":"/a","value":["b" "c"]}]"#,
            r#"[{"op":"remove","path":"/a","x":tru}]"#,
            r#"[{"op":"remove","path":"/a","x":{"y" 1}}]"#,
            r#"[{"op":"remove","path":"/a",}]"#,
            r#"[{"op":"remove" "path":"/a"}]"#,
            r#"[{"op":"remove","path":"/a"},]"#,
        ] {
            assert!(matches!(check_patch(patch), Err(PatchError::List(_))), "{patch}");
        }
    }

    #[test]
    fn what_is_accepted_is_what_the_patching_library_accepts() {
        for patch in [
            r#"[{"op":"add","path":"/a","value":null}]"#,
            r#"[{"op":"add","path":"/a"}]"#,
            r#"[{"op":"ad","path":"/a","value":1}]"#,
            r#"[{"op":"remove","path":"a"}]"#,
            r#"[{"op":"copy","path":"/a~1","from":"/b~0"}]"#,
            r#"[{"op":"copy","path":"/a~","from":"/b"}]"#,
        ] {
            let library = serde_json::from_str::<json_patch::Patch>(patch);
            assert_eq!(check_patch(patch).is_ok(), library.is_ok(), "{patch}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_json(
            from in any::<Index>(),
            length in 0..4_usize,
            fault in prop::sample::select(vec!["", "\"", "\\", "\n", "{", "}", "[", "]", ",", ":", "1", "e", "nul", " "]),
        ) {
            let operations = [
                r#"{"op":"add","path":"/a","value":{"b":[1,"c\u00e4",null]}}"#,
                r#"{"op":"test","path":"/d","value":"ä"}"#,
                r#"{"op":"remove","path":"/e","x":-1.5e3}"#,
            ];
            let mut patch = format!("[{}]", operations.join(",")).into_bytes();
            let from = from.index(patch.len());
            let to = patch.len().min(from + length);
            drop(patch.splice(from..to, fault.bytes()));
            if let Ok(patch) = str::from_utf8(&patch) && check_patch(patch).is_ok() {
                prop_assert!(serde_json::from_str::<Vec<Value>>(patch).is_ok(), "{}", patch);
            }
        }
    }
}
