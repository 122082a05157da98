//! The children of a node, by their first segment: a hash table, if there is more than one.
//!
//! The order of the children does not matter. A B-tree would keep one, but its nodes stay half empty when keys arrive sorted, as from
//! a list of the API server; and a node above a hundred thousand volumes has as many children. The children are boxed, so that an empty
//! slot of the table takes nine bytes.

use crate::is_sparse;
use crate::node::{Edge, PathNode};
use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};

/// The children of a node. The first segments of their edges differ.
#[derive(Debug)]
pub(crate) enum Children {
    One(Option<Box<Child>>),
    /// At least two children.
    Many(Box<ChildTable>),
}

/// A child node and its edge.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) edge: Edge,
    pub(crate) node: PathNode,
}

/// At least two children, by the first segment of their edges.
#[derive(Debug, Default)]
pub(crate) struct ChildTable {
    hasher: RandomState,
    children: HashTable<Box<Child>>,
}

// === impl Children ===

impl Default for Children {
    fn default() -> Self {
        Self::One(None)
    }
}

impl Children {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::One(None))
    }

    /// Returns the child whose edge has this first segment.
    pub(crate) fn get(&self, first: &str) -> Option<&Child> {
        match self {
            Self::One(one) => one.as_deref().filter(|child| child.edge.first() == first),
            Self::Many(table) => table.get(first),
        }
    }

    /// Returns the child whose edge has this first segment.
    pub(crate) fn get_mut(&mut self, first: &str) -> Option<&mut Child> {
        match self {
            Self::One(one) => one.as_deref_mut().filter(|child| child.edge.first() == first),
            Self::Many(table) => table.get_mut(first),
        }
    }

    /// Returns the node of an edge; inserts an empty one if no edge has its first segment.
    pub(crate) fn entry(&mut self, edge: Edge) -> &mut PathNode {
        if let Self::One(one) = self
            && let Some(other) = one.take_if(|child| child.edge.first() != edge.first())
        {
            *self = Self::Many(Box::new(ChildTable::of(other)));
        }
        let child = match self {
            Self::One(one) => one.get_or_insert_with(|| Child::empty(edge)),
            Self::Many(table) => table.entry(edge),
        };
        &mut child.node
    }

    /// Removes the child whose edge has this first segment, and returns it.
    pub(crate) fn take(&mut self, first: &str) -> Option<Box<Child>> {
        match self {
            Self::One(one) => one.take_if(|child| child.edge.first() == first),
            Self::Many(table) => {
                let taken = table.take(first);
                if let Some(last) = table.take_last() {
                    *self = Self::One(Some(last));
                }
                taken
            }
        }
    }

    /// Removes the child and returns it, if there is only one.
    pub(crate) fn take_only(&mut self) -> Option<Box<Child>> {
        match self {
            Self::One(one) => one.take(),
            Self::Many(_) => None,
        }
    }
}

// === impl Child ===

impl Child {
    fn empty(edge: Edge) -> Box<Self> {
        Box::new(Self { edge, node: PathNode::default() })
    }
}

// === impl ChildTable ===

impl ChildTable {
    fn of(child: Box<Child>) -> Self {
        let mut table = Self::default();
        let hash = table.hasher.hash_one(child.edge.first());
        table.children.insert_unique(hash, child, hash_of(&table.hasher));
        table
    }

    fn get(&self, first: &str) -> Option<&Child> {
        let hash = self.hasher.hash_one(first);
        self.children.find(hash, |child| child.edge.first() == first).map(|child| &**child)
    }

    fn get_mut(&mut self, first: &str) -> Option<&mut Child> {
        let hash = self.hasher.hash_one(first);
        self.children.find_mut(hash, |child| child.edge.first() == first).map(|child| &mut **child)
    }

    fn entry(&mut self, edge: Edge) -> &mut Box<Child> {
        let Self { hasher, children } = self;
        let hash = hasher.hash_one(edge.first());
        let entry = children.entry(hash, |child| child.edge.first() == edge.first(), hash_of(hasher));
        entry.or_insert_with(|| Child::empty(edge)).into_mut()
    }

    fn take(&mut self, first: &str) -> Option<Box<Child>> {
        let hash = self.hasher.hash_one(first);
        let found = self.children.find_entry(hash, |child| child.edge.first() == first).ok()?;
        let (taken, _) = found.remove();
        if is_sparse(self.children.len(), self.children.capacity()) {
            self.children.shrink_to(2 * self.children.len(), hash_of(&self.hasher));
        }
        Some(taken)
    }

    /// Removes the child and returns it, if there is only one.
    fn take_last(&mut self) -> Option<Box<Child>> {
        if self.children.len() > 1 {
            return None;
        }
        self.children.drain().next()
    }
}

/// Returns the function that hashes children as look-ups do.
fn hash_of(hasher: &RandomState) -> impl Fn(&Box<Child>) -> u64 + '_ {
    |child| hasher.hash_one(child.edge.first())
}
