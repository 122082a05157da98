//! The errors for which an object, or a whole text, stays unchanged.

use json_patch::jsonptr::Pointer;

/// Why an object or a text stays unchanged. Each message is one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmendError {
    /// The text cannot be parsed, so the rest of it cannot be compared either.
    #[error("the file can't be parsed: {0}")]
    Unreadable(String),
    /// The text is the source of a template engine.
    #[error("line {line} is a Helm template: render the chart first, or change the template by hand")]
    Template {
        /// From 1.
        line: usize,
    },
    /// An anchor shares the field with other fields that do not change alike.
    #[error("an anchor shares {field} with other fields, which do not get the same change: write it out")]
    Repeated {
        /// e.g. `spec.template.spec.containers[0].env`.
        field: String,
    },
    /// The field comes from another mapping.
    #[error("{field} comes from a merge key (<<): write it out")]
    Merged {
        /// e.g. `spec.template.spec.containers[0].env`.
        field: String,
    },
    /// The field does not exist, or the operation does not apply to its value.
    #[error("{field} is not what the patch expects: {expected}")]
    Unexpected {
        /// e.g. `spec.template.spec.containers[0].env`.
        field: String,
        /// e.g. `a list`.
        expected: &'static str,
    },
    /// The patch has an operation other than `add`, `remove` and `replace`, or is not a JSON Patch.
    #[error("the patch has an operation that can't be written into a file: {0}")]
    Operation(String),
    /// The layout of the lines does not allow a safe edit.
    #[error("the layout of line {line} can't be edited safely: change it by hand")]
    Layout {
        /// From 1.
        line: usize,
    },
    /// The new text would have another meaning than the patched object.
    #[error("the changed text would have another meaning: change it by hand")]
    Unverified,
}

/// Converts a JSON pointer to a Kubernetes field path: `/spec/containers/0/env/-` to `spec.containers[0].env`.
///
/// A text that is not a JSON pointer is returned as it is.
pub fn field(pointer: &str) -> String {
    let Ok(parsed) = Pointer::parse(pointer) else { return pointer.to_owned() };
    let mut field = String::new();
    for token in parsed.tokens() {
        match &*token.decoded() {
            index if !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()) => {
                field.extend(["[", index, "]"]);
            }
            "-" => {}
            name if field.is_empty() => field.push_str(name),
            name => field.extend([".", name]),
        }
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_a_pointer_to_a_field_path() {
        assert_eq!(field("/spec/containers/0/env/-"), "spec.containers[0].env");
        assert_eq!(
            field("/metadata/annotations/ordinance.dev~1sub-path"),
            "metadata.annotations.ordinance.dev/sub-path"
        );
        assert_eq!(field("spec.replicas"), "spec.replicas");
    }
}
