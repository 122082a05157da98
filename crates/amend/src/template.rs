//! Detects Helm templates, whose text has another meaning once it is rendered.

use crate::error::AmendError;
use crate::tree::{NodeKind, SyntaxNode, SyntaxTree};
use granit_parser::ScalarStyle;

/// Words in the actions of a chart's template. Rendered manifests have actions too, e.g. for Vault's agent, for alerts
/// and for dashboards.
const HELM_WORDS: [&str; 7] =
    [".Values", ".Release", ".Chart", ".Capabilities", ".Files", ".Template", "include "];

/// Refuses a document with template actions: between its values, in a comment, or, with a word of Helm, in a string.
pub(crate) fn refuse(tree: &SyntaxTree<'_>, document: usize) -> Result<(), AmendError> {
    let comments = tree.comments_of(document).iter().map(|(_, range)| range);
    let mut comments = comments.filter(|range| has_action(&tree.text[(*range).clone()]));
    let comment = comments.next().map(|range| range.start);
    let node = tree.document(document).iter().find(|node| is_action(tree, node)).map(|node| node.span.start);
    match comment.or(node) {
        Some(at) => Err(AmendError::Template { line: tree.line(at) }),
        None => Ok(()),
    }
}

fn has_action(text: &str) -> bool {
    text.contains("{{")
}

fn is_action(tree: &SyntaxTree<'_>, node: &SyntaxNode<'_>) -> bool {
    match &node.kind {
        NodeKind::Scalar { value, style: ScalarStyle::Plain } => has_action(value),
        NodeKind::Scalar { value, .. } => {
            has_action(value) && HELM_WORDS.iter().any(|name| value.contains(name))
        }
        // `{{ … }}` is read as a mapping whose key is a mapping.
        NodeKind::Mapping { entries, .. } => entries.iter().any(|(key, _)| tree.node(*key).is_mapping()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn refuses(text: &str) -> Option<usize> {
        match refuse(&parse::text(text, 1).expect("readable"), 0) {
            Err(AmendError::Template { line }) => Some(line),
            _ => None,
        }
    }

    #[test]
    fn refuses_actions_between_values_in_comments_and_in_strings() {
        assert_eq!(refuses("a: 1\nb: {{ .Values.b }}\n"), Some(2));
        assert_eq!(refuses("a: 1\nb: x-{{ .Values.b }}\n"), Some(2));
        assert_eq!(refuses("a: 1\n# {{- if .Values.b }}\nb: 1\n"), Some(2));
        assert_eq!(refuses("a: \"{{ .Values.b }}\"\n"), Some(1));
    }

    #[test]
    fn accepts_the_actions_of_other_programs() {
        assert_eq!(
            refuses("a: |\n  {{- with secret \"x\" }}{{ .Data.a }}{{ end }}\nb: '{{ $labels.pod }}'\n"),
            None
        );
    }
}
