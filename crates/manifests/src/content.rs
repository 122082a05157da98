//! What a file in a directory contains: objects, a template of objects, or something else.
//!
//! A directory also has files that are no Kubernetes objects. A file counts as one if an `apiVersion` stands beside `kind`,
//! `items` or `metadata`; if its syntax is broken, if lines say so.

use crate::manifest::{ManifestErrorKind, ReadObjects};

/// What a text contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextContent {
    /// Kubernetes objects, or parts of a text that were meant to be some.
    Objects,
    /// A template of objects, which is not YAML before it is rendered.
    Template,
    /// Anything else.
    Other,
}

// === impl TextContent ===

impl TextContent {
    /// Returns the content of a text without reading it, if a search for one word tells it.
    pub fn without_reading(text: &str) -> Option<Self> {
        // JSON could escape the letters of the word, but no program writes it so.
        (!text.contains("apiVersion")).then_some(Self::Other)
    }

    /// Returns the content of a text, given what was read of it.
    pub fn of(text: &str, found: &ReadObjects) -> Self {
        let errors = || found.objects.iter().filter_map(|object| object.as_ref().err());
        let has = |kind: ManifestErrorKind| errors().any(|error| error.kind == kind);
        if has(ManifestErrorKind::Template) {
            return if is_signed(text) { Self::Template } else { Self::Other };
        }
        let has_objects = found.skipped > 0 || errors().count() < found.objects.len();
        let has_broken_ones =
            has(ManifestErrorKind::Object) || has(ManifestErrorKind::Syntax) && is_signed(text);
        if has_objects || has_broken_ones { Self::Objects } else { Self::Other }
    }
}

/// Returns whether a text that can't be read shows that it was meant to be an object: in YAML by a line with `apiVersion`
/// that is not indented, and a line with `kind`; in brackets by both keys.
pub(crate) fn is_signed(text: &str) -> bool {
    let is_flow = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    if is_flow {
        return has_key(text, "apiVersion") && has_key(text, "kind");
    }
    let begins = |line: &str, key: &str| {
        let line = line.trim_start_matches("- ").trim_start_matches(['"', '\'']);
        line.strip_prefix(key).is_some_and(is_colon)
    };
    text.lines().any(|line| begins(line, "apiVersion"))
        && text.lines().any(|line| begins(line.trim_start(), "kind"))
}

/// Returns whether a key occurs anywhere in a text.
fn has_key(text: &str, key: &str) -> bool {
    text.match_indices(key).any(|(at, _)| text.get(at + key.len()..).is_some_and(is_colon))
}

/// Returns whether a text begins with a colon, after the closing quote of a key and white space.
fn is_colon(text: &str) -> bool {
    text.trim_start_matches(['"', '\'']).trim_start().starts_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_wanted;

    fn content(text: &str) -> TextContent {
        TextContent::without_reading(text)
            .unwrap_or_else(|| TextContent::of(text, &read_wanted(text, "default", &|_, kind| kind == "Pod")))
    }

    #[test]
    fn files_of_a_repository_are_no_objects() {
        for text in [
            "",
            "# nothing\n",
            "replicas: 2\n",
            "apiVersion: v2\nname: demo\nversion: 0.1.0\n",
            r#"{"name": "demo"}"#,
            "[1, 2]",
            "// a comment\n{\"compilerOptions\": {}}",
            "openapi: 3.0.0\ninfo: {description: 'an apiVersion: v1 and a kind'}\n",
            "values:\n  apiVersion: v1\n  kind: [\n",
            "# apiVersion\na: b: c\n",
            "apiVersion: v1\nname: {{ cookiecutter.name }}\n",
            "x: !Ref apiVersion\n",
        ] {
            assert_eq!(content(text), TextContent::Other, "{text}");
        }
    }

    #[test]
    fn broken_and_incomplete_objects_are_no_other_files() {
        for text in [
            "apiVersion: v1\nkind: Pod\n",
            "apiVersion: v1\nkind: Secret\n",
            "apiVersion: v1\nmetadata: {name: a}\n",
            "apiVersion: v1\nkind: [\n",
            "\"apiVersion\" : v1\n'kind': Pod\nspec: a: b\n",
            // Dumps that were cut off: kubectl writes the list's own kind last.
            "apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n",
            "apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {",
            "{\"apiVersion\": \"v1\", \"items\": [{\"apiVersion\": \"v1\", \"kind\": \"Po",
            "replicas: 1\n---\napiVersion: v1\nkind: Pod\n",
        ] {
            assert_eq!(content(text), TextContent::Objects, "{text}");
        }
    }

    #[test]
    fn an_object_with_template_actions_is_a_template() {
        let text = "{{- if .a }}\napiVersion: v1\nkind: Pod\n{{- end }}\n";
        assert_eq!(content(text), TextContent::Template);
        let later =
            "apiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .a }}\n";
        assert_eq!(content(later), TextContent::Template);
    }
}
