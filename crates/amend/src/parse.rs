//! Builds a tree from the events of the parser.

use crate::error::AmendError;
use crate::lines::IndexedText;
use crate::tree::{Id, NodeKind, SyntaxNode, SyntaxTree};
use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span};
use serde::de::IgnoredAny;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

/// The lines of one object, and the comments after it.
#[derive(Clone, Debug)]
pub(crate) struct Excerpt<'a> {
    pub(crate) text: &'a str,
    /// The part of the text that is parsed.
    pub(crate) parsed: Range<usize>,
    pub(crate) is_json: bool,
}

/// Parses a text without a byte order mark, whose first line has this number in its file.
pub(crate) fn text(text: &str, first_line: usize) -> Result<SyntaxTree<'_>, AmendError> {
    let values = json_values(text);
    let is_json = values.is_some();
    let whole = || std::iter::once(0..text.len()).collect();
    Builder::new(text, is_json, first_line).read(values.unwrap_or_else(whole), options())
}

/// Parses one object. The anchors of its aliases may be outside it.
pub(crate) fn excerpt(excerpt: Excerpt<'_>, first_line: usize) -> Result<SyntaxTree<'_>, AmendError> {
    let mut options = options();
    options.emit_unresolved_aliases = true;
    Builder::new(excerpt.text, excerpt.is_json, first_line).read(vec![excerpt.parsed], options)
}

fn options() -> Options {
    granit_parser::options! {
        emit_anchor_events: true,
        max_buffered_comment_events: usize::MAX,
    }
}

/// The ranges of the values in a JSON text, or `None` if it is not JSON.
fn json_values(text: &str) -> Option<Vec<Range<usize>>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut ranges = Vec::new();
    let mut start = 0;
    while let Some(value) = values.next() {
        value.ok()?;
        ranges.push(start..values.byte_offset());
        start = values.byte_offset();
    }
    Some(ranges)
}

struct Builder<'a> {
    tree: SyntaxTree<'a>,
    /// The open collections; of a mapping, the key whose value comes next.
    open: Vec<(Id, Option<Id>)>,
    anchors: HashMap<usize, Id>,
    /// Where the part begins that is being read.
    base: usize,
}

// === impl Builder ===

impl<'a> Builder<'a> {
    fn new(text: &'a str, is_json: bool, first_line: usize) -> Self {
        let tree = SyntaxTree {
            text: IndexedText::new(text),
            is_json,
            nodes: Vec::new(),
            roots: Vec::new(),
            comments: Vec::new(),
            first_line,
            indent: OnceCell::new(),
        };
        Self { tree, open: Vec::new(), anchors: HashMap::new(), base: 0 }
    }

    fn read(mut self, parts: Vec<Range<usize>>, options: Options) -> Result<SyntaxTree<'a>, AmendError> {
        for part in parts {
            self.read_part(part, options.clone())
                .map_err(|error| AmendError::Unreadable(error.to_string()))?;
        }
        Ok(self.tree)
    }

    fn read_part(&mut self, part: Range<usize>, options: Options) -> Result<(), ScanError> {
        self.base = part.start;
        self.anchors.clear();
        for event in Parser::new_from_str_with_options(&self.tree.text.all[part], options) {
            let (event, span) = event?;
            self.take(event, &span);
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'a>, span: &Span) {
        let range = self.range(span);
        match event {
            Event::Scalar(value, style, anchor, _) => {
                let id = self.add(NodeKind::Scalar { value, style }, span, anchor);
                self.move_before_comment(id);
                self.tree.nodes[id].end = self.end_of_scalar(id);
                self.move_to_header(id);
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(_) => {
                self.add(NodeKind::Alias(self.tree.nodes.len()), span, 0);
            }
            Event::MappingStart(style, anchor, _) => {
                self.open(NodeKind::Mapping { style, entries: Vec::new() }, span, anchor);
            }
            Event::SequenceStart(style, anchor, _) => {
                self.open(NodeKind::Sequence { style, items: Vec::new() }, span, anchor);
            }
            Event::MappingEnd | Event::SequenceEnd => self.close(range.end),
            Event::Anchor(anchor, _) => self.begin_at(anchor, range.start),
            Event::Comment(..) => {
                let document = self.tree.roots.len().saturating_sub(usize::from(!self.open.is_empty()));
                self.tree.comments.push((document, range));
            }
            _ => {}
        }
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or_default();
        self.base + range.start..self.base + range.end
    }

    /// Adds a node as the next child of the open collection.
    fn add(&mut self, kind: NodeKind<'a>, span: &Span, anchor: usize) -> Id {
        let id = self.tree.nodes.len();
        let range = self.range(span);
        let tag = span.tag_span().map(|tag| self.range(&tag));
        self.tree.nodes.push(SyntaxNode {
            kind,
            parent: self.open.last().map(|(parent, _)| *parent),
            start: tag.as_ref().map_or(range.start, |tag| tag.start.min(range.start)),
            end: range.end,
            span: range,
            has_properties: tag.is_some() || anchor != 0,
            is_repeated: false,
        });
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        self.attach(id);
        id
    }

    fn attach(&mut self, id: Id) {
        let Some((parent, key)) = self.open.last_mut() else { return self.tree.roots.push(id) };
        match &mut self.tree.nodes[*parent].kind {
            NodeKind::Mapping { entries, .. } => match key.take() {
                Some(key) => entries.push((key, id)),
                None => *key = Some(id),
            },
            NodeKind::Sequence { items, .. } => items.push(id),
            _ => {}
        }
    }

    fn alias(&mut self, anchor: usize, span: &Span) {
        let Some(target) = self.anchors.get(&anchor).copied() else { return };
        self.tree.nodes[target].is_repeated = true;
        self.add(NodeKind::Alias(target), span, 0);
    }

    fn open(&mut self, kind: NodeKind<'a>, span: &Span, anchor: usize) {
        let id = self.add(kind, span, anchor);
        self.open.push((id, None));
    }

    fn close(&mut self, end: usize) {
        let Some((id, _)) = self.open.pop() else { return };
        let node = &self.tree.nodes[id];
        let last = node.last_child().map_or(node.end, |last| self.tree.nodes[last].end);
        self.tree.nodes[id].end = if node.is_block() { last } else { end };
    }

    fn begin_at(&mut self, anchor: usize, start: usize) {
        if let Some(id) = self.anchors.get(&anchor) {
            let node = &mut self.tree.nodes[*id];
            node.start = node.start.min(start);
        }
    }

    /// Moves an omitted element to the end of its dash: the parser places it after the comment in that line.
    fn move_before_comment(&mut self, id: Id) {
        let node = &mut self.tree.nodes[id];
        if let Some((_, comment)) = self.tree.comments.last()
            && node.span == (comment.end..comment.end)
        {
            let end = self.tree.text[..comment.start].trim_end().len();
            (node.start, node.span) = (end, end..end);
        }
    }

    /// Moves the start of a block scalar to its header, the `|` or `>` in the last line before it that is not empty.
    fn move_to_header(&mut self, id: Id) {
        let node = self.tree.node(id);
        let NodeKind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } = node.kind else {
            return;
        };
        let before = self.tree.text[..node.span.start].trim_end().len();
        let key = self.tree.entry_of(id).map_or(0, |(_, (key, _))| self.tree.node(key).end);
        let from = self.tree.text.start(before).max(key);
        let Some(header) = self.tree.text[from..before].find(['|', '>']) else { return };
        let node = &mut self.tree.nodes[id];
        node.span.start = from + header;
        node.start = node.start.min(node.span.start);
    }

    /// Where a scalar ends: an omitted value at the colon after its key, a block scalar before the empty lines that it
    /// does not keep.
    fn end_of_scalar(&self, id: Id) -> usize {
        let node = self.tree.node(id);
        let NodeKind::Scalar { value, style } = &node.kind else { return node.end };
        let written = &self.tree.text[node.span.clone()];
        match style {
            ScalarStyle::Literal | ScalarStyle::Folded if !keeps_empty_lines(value) => {
                node.span.start + trimmed_lines(written)
            }
            _ if written.is_empty() && !node.has_properties => self.after_colon(node),
            _ => node.span.end,
        }
    }

    /// The end of the colon after an omitted value, or the value's own end.
    fn after_colon(&self, node: &SyntaxNode<'_>) -> usize {
        let rest = &self.tree.text[node.span.end..];
        let is_value = node.parent.is_some_and(|parent| self.tree.node(parent).is_mapping());
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        match rest[blanks..].starts_with(':') {
            true if is_value => node.span.end + blanks + 1,
            _ => node.span.end,
        }
    }
}

/// Whether the empty lines at the end of a block scalar are part of its value.
fn keeps_empty_lines(value: &str) -> bool {
    value.ends_with("\n\n") || value.trim_end_matches('\n').is_empty()
}

/// The length of a text without the empty lines at its end, but with the line break of its last line.
fn trimmed_lines(text: &str) -> usize {
    let kept = text.trim_end_matches([' ', '\t', '\r', '\n']).len();
    text[kept..].find('\n').map_or(text.len(), |end| kept + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> SyntaxTree<'_> {
        super::text(text, 1).expect("readable")
    }

    fn written<'a>(text: &'a str, path: &[&str]) -> &'a str {
        let tree = parse(text);
        let mut id = tree.roots[0];
        for step in path {
            id = match step.parse::<usize>() {
                Ok(index) => tree.items(id)[index],
                Err(_) => tree.member(id, step).expect("a member"),
            };
        }
        &text[tree.node(id).start..tree.node(id).end]
    }

    #[test]
    fn a_node_spans_from_its_anchor_to_its_last_significant_byte() {
        let text = "a: &x !!map\n  b: 1 # one\n\n# none\nc: [ 1, 2 ]  \nd: |\n  t\n\n\ne: |+\n  t\n\nf:\n";
        assert_eq!(written(text, &["a"]), "&x !!map\n  b: 1");
        assert_eq!(written(text, &["c"]), "[ 1, 2 ]");
        assert_eq!(written(text, &["d"]), "|\n  t\n");
        assert_eq!(written(text, &["e"]), "|+\n  t\n\n");
    }

    #[test]
    fn an_omitted_value_ends_at_the_colon() {
        let text = "a: # none\nb: {c: , d}\ne:\n  -\n";
        let tree = parse(text);
        let end = |id: Id| &text[..tree.node(id).end];
        assert_eq!(end(tree.member(tree.roots[0], "a").expect("a")), "a:");
        let b = tree.member(tree.roots[0], "b").expect("b");
        assert_eq!(end(tree.member(b, "c").expect("c")), "a: # none\nb: {c:");
        assert_eq!(end(tree.member(b, "d").expect("d")), "a: # none\nb: {c: , d");
        let e = tree.member(tree.roots[0], "e").expect("e");
        assert_eq!(end(tree.items(e)[0]), "a: # none\nb: {c: , d}\ne:\n  -");
    }

    #[test]
    fn json_values_are_documents() {
        let text = "{\"a\":\t{\"b\\/\":1}}\r\n\r\n {\"c\": [ ]}";
        let tree = parse(text);
        assert!(tree.is_json);
        let written: Vec<_> =
            tree.roots.iter().map(|root| &text[tree.node(*root).span.start..tree.node(*root).end]).collect();
        assert_eq!(written, ["{\"a\":\t{\"b\\/\":1}}", "{\"c\": [ ]}"]);
        assert!(tree.member(tree.member(tree.roots[0], "a").expect("a"), "b/").is_some());
    }

    #[test]
    fn an_alias_marks_its_target_as_repeated() {
        let tree = parse("a: &x {}\nb: *x\nc: &y {}\n");
        let member = |key| tree.member(tree.roots[0], key).expect("a member");
        assert!(tree.node(member("a")).is_repeated);
        assert!(!tree.node(member("c")).is_repeated);
        assert_eq!(tree.target(member("b")), member("a"));
    }

    #[test]
    fn the_descendants_of_a_node_follow_it() {
        let tree = parse("a: {b: [1, {c: 2}], d: 3}\ne: 4\n");
        let a = tree.member(tree.roots[0], "a").expect("a member");
        let e = tree.member(tree.roots[0], "e").expect("a member");
        // The last node before `e` is its key.
        assert_eq!(tree.descendants(a), a + 1..e - 1);
        assert!(tree.descendants(e).is_empty());
    }
}
