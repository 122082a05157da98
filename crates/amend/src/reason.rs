//! Why something is left as it is.

/// Why an object, or a whole text, is not changed. One line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The text has a fault, so nobody can know what else it says.
    #[error("the file can't be read whole: {0}")]
    Unreadable(String),
    /// The text is made for a template engine.
    #[error("line {line} is a Helm template: render the chart first, or change the template by hand")]
    Template {
        /// From 1.
        line: usize,
    },
    /// What is to change is written once for several places, and not all of them are to change alike.
    #[error(
        "{field} is written once for several places by an anchor, and the others don't get the same: write it out"
    )]
    Repeated {
        /// e.g. `spec.template.spec.containers[0].env`.
        field: String,
    },
    /// What is to change comes from another mapping.
    #[error("{field} comes by a merge key (<<): write it out")]
    Merged {
        /// e.g. `spec.template.spec.containers[0].env`.
        field: String,
    },
    /// There is nothing at a place that was named, or nothing that can be changed as was asked.
    #[error("{field} is not what the patch expects: {expected}")]
    Other {
        /// e.g. `spec.template.spec.containers[0].env`.
        field: String,
        /// e.g. `a list`.
        expected: &'static str,
    },
    /// A patch does more than to add.
    #[error("the patch does more than add: {0} can't be written into a file")]
    Operation(String),
    /// The lines around it are laid out so that no line can be added safely.
    #[error("line {line} is laid out in a way that can't be added to safely: change it by hand")]
    Layout {
        /// From 1.
        line: usize,
    },
    /// The changed text would not say what it should.
    #[error("the changed text would be read as something else: change it by hand")]
    Unverified,
}

/// A JSON pointer as Kubernetes writes fields; the end of a list is the list.
pub fn field(pointer: &str) -> String {
    let mut field = String::new();
    for token in pointer.split('/').skip(1) {
        let is_index = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
        match token.replace("~1", "/").replace("~0", "~") {
            index if is_index => field.extend(["[", &index, "]"]),
            end if end == "-" => {}
            name if field.is_empty() => field.push_str(&name),
            name => field.extend([".", &name]),
        }
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_named_as_kubernetes_names_fields() {
        assert_eq!(field("/spec/containers/0/env/-"), "spec.containers[0].env");
        assert_eq!(
            field("/metadata/annotations/ordinance.dev~1sub-path"),
            "metadata.annotations.ordinance.dev/sub-path"
        );
    }
}
