//! The nodes of a text with the bytes that they are written in.
//!
//! Documents of YAML or JSON, one after the other, in one arena: parents before children, in the order of the text. An
//! alias is a node of its own that names its target, so each node is written in one place.

use crate::block::Seen;
use crate::lines::Text;
use crate::reason::Reason;
use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle};
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

/// A node's place in the arena.
pub(crate) type Id = usize;

/// All nodes of a text.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    pub(crate) text: Text<'a>,
    pub(crate) is_json: bool,
    nodes: Vec<Node<'a>>,
    /// The root of each document, also of an empty one.
    pub(crate) roots: Vec<Id>,
    /// Where comments are, and before the end of which document.
    comments: Vec<(usize, Range<usize>)>,
    /// The line of its beginning, from 1.
    first_line: usize,
    /// What blocks show anywhere in the text, once somebody asks.
    pub(crate) seen: OnceCell<Seen>,
}

/// Where an object stands by itself: the lines that it is in, and what follows it there.
#[derive(Clone, Debug)]
pub(crate) struct Own<'a> {
    pub(crate) text: &'a str,
    /// What is parsed of them.
    pub(crate) part: Range<usize>,
    pub(crate) is_json: bool,
}

/// One node.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) parent: Option<Id>,
    /// Where it begins: at its anchor or tag, if it has one.
    pub(crate) start: usize,
    /// The token of a scalar, a block one with its header, or of an alias, the opening bracket of a flow collection; of a block collection where its
    /// first key or dash is.
    pub(crate) span: Range<usize>,
    /// Where the last byte that says something ends. For a value that is not written: the colon's end.
    pub(crate) end: usize,
    /// It has an anchor or a tag.
    pub(crate) has_properties: bool,
    /// An alias repeats it.
    pub(crate) is_repeated: bool,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum Kind<'a> {
    Scalar {
        value: Cow<'a, str>,
        style: ScalarStyle,
    },
    Mapping {
        style: StructureStyle,
        entries: Vec<(Id, Id)>,
    },
    Sequence {
        style: StructureStyle,
        items: Vec<Id>,
    },
    /// Of another node; of itself, if what it stands for is not there.
    Alias(Id),
}

#[cfg(test)]
thread_local! {
    /// How often nodes were looked at, which is most of the work.
    pub(crate) static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

// === impl Tree ===

impl<'a> Tree<'a> {
    /// The nodes of a text, which has no byte order mark, and begins in this line.
    pub(crate) fn parse(text: &'a str, first_line: usize) -> Result<Self, Reason> {
        let values = json_values(text);
        let is_json = values.is_some();
        let whole = || std::iter::once(0..text.len()).collect();
        Builder::new(text, is_json, first_line).read(values.unwrap_or_else(whole), options())
    }

    /// The nodes of an object by itself. What aliases in it stand for may be outside of it.
    pub(crate) fn parse_own(own: Own<'a>, first_line: usize) -> Result<Self, Reason> {
        let mut options = options();
        options.emit_unresolved_aliases = true;
        Builder::new(own.text, own.is_json, first_line).read(vec![own.part], options)
    }

    /// The mapping that begins at a position.
    pub(crate) fn mapping_at(&self, start: usize) -> Option<Id> {
        self.nodes.iter().position(|node| node.is_mapping() && node.span.start == start)
    }

    /// The number of a position's line.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.first_line - 1 + self.text.number(at)
    }

    pub(crate) fn node(&self, id: Id) -> &Node<'a> {
        #[cfg(test)]
        LOOKS.with(|looks| looks.set(looks.get() + 1));
        &self.nodes[id]
    }

    /// All nodes, in the order of the text.
    pub(crate) fn ids(&self) -> Range<Id> {
        0..self.nodes.len()
    }

    /// The nodes of one document.
    pub(crate) fn document(&self, document: usize) -> &[Node<'a>] {
        let start = self.roots.get(document).copied().unwrap_or(self.nodes.len());
        let end = self.roots.get(document + 1).copied().unwrap_or(self.nodes.len());
        &self.nodes[start..end]
    }

    /// The comments of one document, and those before it.
    pub(crate) fn comments_of(&self, document: usize) -> &[(usize, Range<usize>)] {
        let start = self.comments.partition_point(|(of, _)| *of < document);
        let end = self.comments.partition_point(|(of, _)| *of <= document);
        &self.comments[start..end]
    }

    /// The node that an alias stands for; any other is itself.
    pub(crate) fn target(&self, id: Id) -> Id {
        match self.node(id).kind {
            Kind::Alias(target) => target,
            _ => id,
        }
    }

    /// The scalar's value.
    pub(crate) fn scalar(&self, id: Id) -> Option<&str> {
        match &self.node(self.target(id)).kind {
            Kind::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    pub(crate) fn entries(&self, id: Id) -> &[(Id, Id)] {
        match &self.node(id).kind {
            Kind::Mapping { entries, .. } => entries,
            _ => &[],
        }
    }

    pub(crate) fn items(&self, id: Id) -> &[Id] {
        match &self.node(id).kind {
            Kind::Sequence { items, .. } => items,
            _ => &[],
        }
    }

    /// The value of a key that is written in the mapping itself.
    pub(crate) fn member(&self, mapping: Id, key: &str) -> Option<Id> {
        let entry = self.entries(mapping).iter().find(|(name, _)| self.scalar(*name) == Some(key));
        entry.map(|(_, value)| *value)
    }

    /// The mapping's value that this node is, with its key.
    pub(crate) fn entry_of(&self, id: Id) -> Option<(Id, (Id, Id))> {
        let mapping = self.node(id).parent?;
        self.entries(mapping).iter().find(|(_, value)| *value == id).map(|entry| (mapping, *entry))
    }

    /// Whether all keys of a mapping are quoted as in JSON.
    pub(crate) fn has_quoted_keys(&self, mapping: Id) -> bool {
        self.entries(mapping).iter().all(|(key, _)| self.text[self.node(*key).span.clone()].starts_with('"'))
    }

    /// The node's parent, its parent, and so on.
    pub(crate) fn ancestors(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.node(id).parent, |id| self.node(*id).parent)
    }
}

// === impl Node ===

impl Node<'_> {
    pub(crate) fn is_block(&self) -> bool {
        matches!(
            self.kind,
            Kind::Mapping { style: StructureStyle::Block, .. }
                | Kind::Sequence { style: StructureStyle::Block, .. }
        )
    }

    pub(crate) fn is_flow(&self) -> bool {
        self.is_collection() && !self.is_block()
    }

    pub(crate) fn is_collection(&self) -> bool {
        matches!(self.kind, Kind::Mapping { .. } | Kind::Sequence { .. })
    }

    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self.kind, Kind::Mapping { .. })
    }

    pub(crate) fn is_sequence(&self) -> bool {
        matches!(self.kind, Kind::Sequence { .. })
    }

    /// The ends of the children in their order: from a key to the end of its value.
    fn last_end(&self, tree: &Tree<'_>) -> Option<usize> {
        let last = match &self.kind {
            Kind::Mapping { entries, .. } => entries.last().map(|(_, value)| *value),
            Kind::Sequence { items, .. } => items.last().copied(),
            _ => None,
        };
        last.map(|last| tree.node(last).end)
    }

    /// A scalar that says nothing: `null`, `~`, or no character.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { value, style: ScalarStyle::Plain }
            if matches!(&**value, "" | "~" | "null" | "Null" | "NULL"))
    }
}

/// How a text is parsed.
fn options() -> Options {
    granit_parser::options! {
        emit_anchor_events: true,
        max_buffered_comment_events: usize::MAX,
    }
}

/// Where the values of a text of JSON are; none if it is not JSON.
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

/// Makes a tree of events.
struct Builder<'a> {
    tree: Tree<'a>,
    /// The open collections; of a mapping the key whose value comes next.
    open: Vec<(Id, Option<Id>)>,
    anchors: HashMap<usize, Id>,
    /// Where the part that is being read begins.
    base: usize,
}

// === impl Builder ===

impl<'a> Builder<'a> {
    fn new(text: &'a str, is_json: bool, first_line: usize) -> Self {
        let tree = Tree {
            text: Text::new(text),
            is_json,
            nodes: Vec::new(),
            roots: Vec::new(),
            comments: Vec::new(),
            first_line,
            seen: OnceCell::new(),
        };
        Self { tree, open: Vec::new(), anchors: HashMap::new(), base: 0 }
    }

    fn read(mut self, parts: Vec<Range<usize>>, options: Options) -> Result<Tree<'a>, Reason> {
        for part in parts {
            self.read_part(part, options.clone()).map_err(|error| Reason::Unreadable(error.to_string()))?;
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
                let id = self.add(Kind::Scalar { value, style }, span, anchor);
                self.leave_comment(id);
                self.tree.nodes[id].end = self.end_of_scalar(id);
                self.begin_at_header(id);
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(_) => {
                self.add(Kind::Alias(self.tree.nodes.len()), span, 0);
            }
            Event::MappingStart(style, anchor, _) => {
                self.open(Kind::Mapping { style, entries: Vec::new() }, span, anchor);
            }
            Event::SequenceStart(style, anchor, _) => {
                self.open(Kind::Sequence { style, items: Vec::new() }, span, anchor);
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

    /// Adds a node as the next child of what is open.
    fn add(&mut self, kind: Kind<'a>, span: &Span, anchor: usize) -> Id {
        let id = self.tree.nodes.len();
        let span_of_text = self.range(span);
        let tag = span.tag_span().map(|tag| self.range(&tag));
        self.tree.nodes.push(Node {
            kind,
            parent: self.open.last().map(|(parent, _)| *parent),
            start: tag.as_ref().map_or(span_of_text.start, |tag| tag.start.min(span_of_text.start)),
            end: span_of_text.end,
            span: span_of_text,
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
            Kind::Mapping { entries, .. } => match key.take() {
                Some(key) => entries.push((key, id)),
                None => *key = Some(id),
            },
            Kind::Sequence { items, .. } => items.push(id),
            _ => {}
        }
    }

    fn alias(&mut self, anchor: usize, span: &Span) {
        let Some(target) = self.anchors.get(&anchor).copied() else { return };
        self.tree.nodes[target].is_repeated = true;
        self.add(Kind::Alias(target), span, 0);
    }

    fn open(&mut self, kind: Kind<'a>, span: &Span, anchor: usize) {
        let id = self.add(kind, span, anchor);
        self.open.push((id, None));
    }

    fn close(&mut self, end: usize) {
        let Some((id, _)) = self.open.pop() else { return };
        let node = &self.tree.nodes[id];
        let end = if node.is_block() { node.last_end(&self.tree).unwrap_or(node.end) } else { end };
        self.tree.nodes[id].end = end;
    }

    fn begin_at(&mut self, anchor: usize, start: usize) {
        if let Some(id) = self.anchors.get(&anchor) {
            let node = &mut self.tree.nodes[*id];
            node.start = node.start.min(start);
        }
    }

    /// An element that is not written is where its dash ends, not behind the comment in that line.
    fn leave_comment(&mut self, id: Id) {
        let node = &mut self.tree.nodes[id];
        if let Some((_, comment)) = self.tree.comments.last()
            && node.span == (comment.end..comment.end)
        {
            let end = self.tree.text[..comment.start].trim_end().len();
            (node.start, node.span) = (end, end..end);
        }
    }

    /// A block scalar begins at its header, the `|` or `>` in the line that is not empty before it, behind its key.
    fn begin_at_header(&mut self, id: Id) {
        let node = self.tree.node(id);
        let Kind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } = node.kind else {
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

    /// Where a scalar ends: one that is not written at the colon after its key, a block one before the lines without
    /// any character that it does not keep.
    fn end_of_scalar(&self, id: Id) -> usize {
        let node = self.tree.node(id);
        let Kind::Scalar { value, style } = &node.kind else { return node.end };
        let written = &self.tree.text[node.span.clone()];
        match style {
            ScalarStyle::Literal | ScalarStyle::Folded if !keeps_empty_lines(value) => {
                node.span.start + trimmed_lines(written)
            }
            _ if written.is_empty() && !node.has_properties => self.after_colon(node),
            _ => node.span.end,
        }
    }

    /// The end of the colon that follows, or the position itself.
    fn after_colon(&self, node: &Node<'_>) -> usize {
        let rest = &self.tree.text[node.span.end..];
        let is_value = node.parent.is_some_and(|parent| self.tree.node(parent).is_mapping());
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        match rest[blanks..].starts_with(':') {
            true if is_value => node.span.end + blanks + 1,
            _ => node.span.end,
        }
    }
}

/// Whether the empty lines at the end of a block scalar are part of it.
fn keeps_empty_lines(value: &str) -> bool {
    value.ends_with("\n\n") || value.trim_end_matches('\n').is_empty()
}

/// The length of a text without the empty lines at its end, with its last line's end.
fn trimmed_lines(text: &str) -> usize {
    let kept = text.trim_end_matches([' ', '\t', '\r', '\n']).len();
    text[kept..].find('\n').map_or(text.len(), |end| kept + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written<'a>(text: &'a str, path: &[&str]) -> &'a str {
        let tree = Tree::parse(text, 1).expect("readable");
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
    fn a_node_is_written_from_its_anchor_to_the_last_byte_that_says_something() {
        let text = "a: &x !!map\n  b: 1 # one\n\n# none\nc: [ 1, 2 ]  \nd: |\n  t\n\n\ne: |+\n  t\n\nf:\n";
        assert_eq!(written(text, &["a"]), "&x !!map\n  b: 1");
        assert_eq!(written(text, &["c"]), "[ 1, 2 ]");
        assert_eq!(written(text, &["d"]), "|\n  t\n");
        assert_eq!(written(text, &["e"]), "|+\n  t\n\n");
    }

    #[test]
    fn a_value_that_is_not_written_ends_at_the_colon() {
        let text = "a: # none\nb: {c: , d}\ne:\n  -\n";
        let tree = Tree::parse(text, 1).expect("readable");
        let end = |id: Id| &text[..tree.node(id).end];
        assert_eq!(end(tree.member(tree.roots[0], "a").expect("a")), "a:");
        let b = tree.member(tree.roots[0], "b").expect("b");
        assert_eq!(end(tree.member(b, "c").expect("c")), "a: # none\nb: {c:");
        assert_eq!(end(tree.member(b, "d").expect("d")), "a: # none\nb: {c: , d");
        let e = tree.member(tree.roots[0], "e").expect("e");
        assert_eq!(end(tree.items(e)[0]), "a: # none\nb: {c: , d}\ne:\n  -");
    }

    #[test]
    fn values_of_json_are_documents() {
        let text = "{\"a\":\t{\"b\\/\":1}}\r\n\r\n {\"c\": [ ]}";
        let tree = Tree::parse(text, 1).expect("readable");
        assert!(tree.is_json);
        let written: Vec<_> =
            tree.roots.iter().map(|root| &text[tree.node(*root).span.start..tree.node(*root).end]).collect();
        assert_eq!(written, ["{\"a\":\t{\"b\\/\":1}}", "{\"c\": [ ]}"]);
        assert!(tree.member(tree.member(tree.roots[0], "a").expect("a"), "b/").is_some());
    }

    #[test]
    fn an_alias_marks_what_it_repeats() {
        let tree = Tree::parse("a: &x {}\nb: *x\nc: &y {}\n", 1).expect("readable");
        let member = |key| tree.member(tree.roots[0], key).expect("a member");
        assert!(tree.node(member("a")).is_repeated);
        assert!(!tree.node(member("c")).is_repeated);
        assert_eq!(tree.target(member("b")), member("a"));
    }
}
