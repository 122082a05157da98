//! The nodes of a text with their spans.
//!
//! An arena holds the nodes of all documents: parents before children, in the order of the text. An alias is a node of
//! its own that refers to its target, so the text of each node stands in one place.

use crate::indent::ObservedIndent;
use crate::lines::{self, IndexedText};
use granit_parser::{ScalarStyle, StructureStyle};
use ordinance_manifests::NULL_WORDS;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

/// A node's index in the arena.
pub(crate) type Id = usize;

/// All nodes of a text.
#[derive(Debug)]
pub(crate) struct SyntaxTree<'a> {
    pub(crate) text: IndexedText<'a>,
    pub(crate) is_json: bool,
    pub(crate) nodes: Vec<SyntaxNode<'a>>,
    /// The root of each document, also of an empty one.
    pub(crate) roots: Vec<Id>,
    /// The comments, each with the index of the document that it is in or precedes.
    pub(crate) comments: Vec<(usize, Range<usize>)>,
    /// The number of the text's first line in its file, from 1.
    pub(crate) first_line: usize,
    /// The indentation of the first blocks in the text, observed on first use.
    pub(crate) indent: OnceCell<ObservedIndent>,
}

/// A node.
#[derive(Debug)]
pub(crate) struct SyntaxNode<'a> {
    pub(crate) kind: NodeKind<'a>,
    pub(crate) parent: Option<Id>,
    /// Where the node begins: at its anchor or tag, if it has one.
    pub(crate) start: usize,
    /// The token of a scalar (of a block scalar with its header) or of an alias, the opening bracket of a flow
    /// collection. Empty for a block collection, at its first key or dash; without indentation of the dashes, at the
    /// first element.
    pub(crate) span: Range<usize>,
    /// Where the last significant byte ends; for an omitted value, where the colon ends.
    pub(crate) end: usize,
    /// Whether the node has an anchor or a tag.
    pub(crate) has_properties: bool,
    /// Whether an alias refers to the node.
    pub(crate) is_repeated: bool,
}

/// The content of a node.
#[derive(Debug)]
pub(crate) enum NodeKind<'a> {
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
    /// The target; the alias itself if the target is outside the text.
    Alias(Id),
}

#[cfg(test)]
thread_local! {
    /// Counts calls of [`SyntaxTree::node`], which are most of the work.
    pub(crate) static NODE_READS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

// === impl SyntaxTree ===

impl<'a> SyntaxTree<'a> {
    /// The mapping that begins at an offset.
    pub(crate) fn mapping_at(&self, start: usize) -> Option<Id> {
        self.nodes.iter().position(|node| node.is_mapping() && node.span.start == start)
    }

    /// The number of the line at an offset, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.first_line - 1 + self.text.number(at)
    }

    pub(crate) fn node(&self, id: Id) -> &SyntaxNode<'a> {
        #[cfg(test)]
        NODE_READS.with(|reads| reads.set(reads.get() + 1));
        &self.nodes[id]
    }

    /// All nodes, in the order of the text.
    pub(crate) fn ids(&self) -> Range<Id> {
        0..self.nodes.len()
    }

    /// The nodes in a collection, at any depth.
    pub(crate) fn descendants(&self, id: Id) -> Range<Id> {
        let mut last = id;
        while let Some(child) = self.node(last).last_child() {
            last = child;
        }
        id + 1..last + 1
    }

    /// The nodes of a document.
    pub(crate) fn document(&self, document: usize) -> &[SyntaxNode<'a>] {
        let start = self.roots.get(document).copied().unwrap_or(self.nodes.len());
        let end = self.roots.get(document + 1).copied().unwrap_or(self.nodes.len());
        &self.nodes[start..end]
    }

    /// The comments in a document and before it.
    pub(crate) fn comments_of(&self, document: usize) -> &[(usize, Range<usize>)] {
        let start = self.comments.partition_point(|(of, _)| *of < document);
        let end = self.comments.partition_point(|(of, _)| *of <= document);
        &self.comments[start..end]
    }

    /// The target of an alias; any other node itself.
    pub(crate) fn target(&self, id: Id) -> Id {
        match self.node(id).kind {
            NodeKind::Alias(target) => target,
            _ => id,
        }
    }

    /// The value of a scalar, or of the scalar that an alias refers to.
    pub(crate) fn scalar(&self, id: Id) -> Option<&str> {
        match &self.node(self.target(id)).kind {
            NodeKind::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The keys and values of a mapping; empty for any other node.
    pub(crate) fn entries(&self, id: Id) -> &[(Id, Id)] {
        match &self.node(id).kind {
            NodeKind::Mapping { entries, .. } => entries,
            _ => &[],
        }
    }

    /// The elements of a sequence; empty for any other node.
    pub(crate) fn items(&self, id: Id) -> &[Id] {
        match &self.node(id).kind {
            NodeKind::Sequence { items, .. } => items,
            _ => &[],
        }
    }

    /// The value of a key in the mapping itself, without merge keys.
    pub(crate) fn member(&self, mapping: Id, key: &str) -> Option<Id> {
        let entry = self.entries(mapping).iter().find(|(name, _)| self.scalar(*name) == Some(key));
        entry.map(|(_, value)| *value)
    }

    /// The mapping with this node as a value, and the entry.
    pub(crate) fn entry_of(&self, id: Id) -> Option<(Id, (Id, Id))> {
        let mapping = self.node(id).parent?;
        self.entries(mapping).iter().find(|(_, value)| *value == id).map(|entry| (mapping, *entry))
    }

    /// The block mapping with this node as a value, and where the colon before the value ends.
    pub(crate) fn colon_of(&self, id: Id) -> Option<(Id, usize)> {
        let (mapping, (key, _)) = self.entry_of(id)?;
        let colon = self.colon_end(key, id)?;
        self.node(mapping).is_block().then_some((mapping, colon))
    }

    /// Like [`Self::colon_of`], for a value that ends in the line of its key.
    pub(crate) fn colon_in_line(&self, id: Id) -> Option<(Id, usize)> {
        self.colon_of(id).filter(|(_, colon)| lines::is_one(&self.text[*colon..self.node(id).end]))
    }

    fn colon_end(&self, key: Id, value: Id) -> Option<usize> {
        let (key, value) = (self.node(key), self.node(value));
        if value.span.is_empty() && !value.is_block() && !value.has_properties {
            return self.text[..value.end].ends_with(':').then_some(value.end);
        }
        let between = self.text.get(key.end..value.start)?;
        let colon = between.trim_start().starts_with(':');
        colon.then(|| key.end + between.len() - between.trim_start().len() + 1)
    }

    /// Whether all keys of a mapping are in double quotes, as in JSON.
    pub(crate) fn has_quoted_keys(&self, mapping: Id) -> bool {
        self.entries(mapping).iter().all(|(key, _)| self.text[self.node(*key).span.clone()].starts_with('"'))
    }

    /// The node's parent, the parent's parent, and so on.
    pub(crate) fn ancestors(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.node(id).parent, |id| self.node(*id).parent)
    }
}

// === impl SyntaxNode ===

impl SyntaxNode<'_> {
    pub(crate) fn is_block(&self) -> bool {
        matches!(
            self.kind,
            NodeKind::Mapping { style: StructureStyle::Block, .. }
                | NodeKind::Sequence { style: StructureStyle::Block, .. }
        )
    }

    pub(crate) fn is_flow(&self) -> bool {
        self.is_collection() && !self.is_block()
    }

    pub(crate) fn is_collection(&self) -> bool {
        matches!(self.kind, NodeKind::Mapping { .. } | NodeKind::Sequence { .. })
    }

    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self.kind, NodeKind::Mapping { .. })
    }

    pub(crate) fn is_sequence(&self) -> bool {
        matches!(self.kind, NodeKind::Sequence { .. })
    }

    /// The last value of a mapping, or the last element of a sequence.
    pub(crate) fn last_child(&self) -> Option<Id> {
        match &self.kind {
            NodeKind::Mapping { entries, .. } => entries.last().map(|(_, value)| *value),
            NodeKind::Sequence { items, .. } => items.last().copied(),
            _ => None,
        }
    }

    /// Whether the node is a plain scalar that means null.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, NodeKind::Scalar { value, style: ScalarStyle::Plain } if NULL_WORDS.contains(&&**value))
    }
}
