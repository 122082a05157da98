//! Templates for Helm: text that means something else once it is rendered.

use crate::reason::Reason;
use crate::tree::{Kind, Node, Tree};
use granit_parser::ScalarStyle;

/// What only a chart's template has. Rendered manifests have actions too: of Vault's agent, of alerts, of dashboards.
const OF_HELM: [&str; 7] =
    [".Values", ".Release", ".Chart", ".Capabilities", ".Files", ".Template", "include "];

/// Refuses a document with actions of a template: between the values, in a comment, or in a text and of Helm.
pub(crate) fn refuse(tree: &Tree<'_>, document: usize) -> Result<(), Reason> {
    let comments = tree.comments_of(document).iter().map(|(_, range)| range);
    let mut comments = comments.filter(|range| has_action(&tree.text[(*range).clone()]));
    let comment = comments.next().map(|range| range.start);
    let node = tree.document(document).iter().find(|node| is_action(tree, node)).map(|node| node.span.start);
    match comment.or(node) {
        Some(at) => Err(Reason::Template { line: tree.line(at) }),
        None => Ok(()),
    }
}

fn has_action(text: &str) -> bool {
    text.contains("{{")
}

fn is_action(tree: &Tree<'_>, node: &Node<'_>) -> bool {
    match &node.kind {
        Kind::Scalar { value, style: ScalarStyle::Plain } => has_action(value),
        Kind::Scalar { value, .. } => has_action(value) && OF_HELM.iter().any(|name| value.contains(name)),
        // `{{ … }}` is read as a mapping whose key is a mapping.
        Kind::Mapping { entries, .. } => entries.iter().any(|(key, _)| tree.node(*key).is_mapping()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(text: &str) -> Option<usize> {
        match refuse(&Tree::parse(text, 1).expect("readable"), 0) {
            Err(Reason::Template { line }) => Some(line),
            _ => None,
        }
    }

    #[test]
    fn knows_actions_between_values_in_comments_and_in_texts() {
        assert_eq!(refuses("a: 1\nb: {{ .Values.b }}\n"), Some(2));
        assert_eq!(refuses("a: 1\nb: x-{{ .Values.b }}\n"), Some(2));
        assert_eq!(refuses("a: 1\n# {{- if .Values.b }}\nb: 1\n"), Some(2));
        assert_eq!(refuses("a: \"{{ .Values.b }}\"\n"), Some(1));
    }

    #[test]
    fn passes_over_the_actions_of_others() {
        assert_eq!(
            refuses("a: |\n  {{- with secret \"x\" }}{{ .Data.a }}{{ end }}\nb: '{{ $labels.pod }}'\n"),
            None
        );
    }
}
