//! The prefix tree of a realm: one node for each segment of a path.
//!
//! `radix_trie` 0.3, `patricia_tree` 0.10 and `qp-trie` 0.8 branch within bytes, so that `/srv1` is below `/srv` unless
//! segments are encoded. None of them stores a summary of the keys below a node: a look-up of `/` would visit every key
//! of the realm.

use crate::holder::Holder;
use crate::small_map::SmallMap;
use ordinance_contract::{Key, Stance};
use std::sync::Arc;

/// The stance and the note that keys have in common. One holding stands for all keys of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Group {
    pub(crate) stance: Stance,
    pub(crate) note: Box<str>,
}

/// A node. Most nodes are the end of a single key.
#[derive(Debug, Default)]
pub(crate) struct PathNode {
    /// The holders of a key that ends here.
    here: SmallMap<Holder>,
    /// `None` for a leaf.
    inner: Option<Box<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The holders of keys that end below, by group.
    below: SmallMap<Arc<Group>, SmallMap<Holder>>,
    children: SmallMap<Arc<str>, PathNode>,
}

// === impl Group ===

impl From<&Key> for Group {
    fn from(key: &Key) -> Self {
        Self { stance: key.stance, note: key.note.as_str().into() }
    }
}

// === impl PathNode ===

impl PathNode {
    /// The holders of a key that ends here.
    pub(crate) fn here(&self) -> impl Iterator<Item = &Holder> {
        self.here.iter().map(|(holder, ())| holder)
    }

    /// The holders of keys that end below, by group.
    pub(crate) fn below(&self) -> impl Iterator<Item = (&Group, &SmallMap<Holder>)> {
        let below = self.inner.iter().flat_map(|inner| inner.below.iter());
        below.map(|(group, holders)| (&**group, holders))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.here.is_empty() && self.inner.is_none()
    }

    /// This node and the nodes along a path, as far as they exist.
    pub(crate) fn along<'a>(&'a self, path: &'a [String]) -> impl Iterator<Item = &'a Self> {
        let down = path.iter().scan(self, |node, segment| {
            *node = node.child(segment)?;
            Some(*node)
        });
        std::iter::once(self).chain(down)
    }

    /// The node at the end of a path.
    pub(crate) fn find(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |node, segment| node.child(segment))
    }

    /// Adds a key. Returns its path in segments that the tree shares.
    pub(crate) fn insert(&mut self, path: &[String], group: &Arc<Group>, holder: &Holder) -> Box<[Arc<str>]> {
        let mut node = self;
        let mut shared = Vec::with_capacity(path.len());
        for segment in path {
            let Inner { below, children } = &mut **node.inner.get_or_insert_default();
            below.entry(Arc::clone(group)).entry(holder.clone());
            let known = children.get(segment.as_str()).map(|(segment, _)| Arc::clone(segment));
            let segment = known.unwrap_or_else(|| segment.as_str().into());
            shared.push(Arc::clone(&segment));
            node = children.entry(segment);
        }
        node.here.entry(holder.clone());
        shared.into()
    }

    /// Removes a key, and the nodes that become empty. The holder's other keys below these nodes are removed as well,
    /// so the caller has to remove all keys of a holder.
    pub(crate) fn remove(&mut self, path: &[Arc<str>], group: &Group, holder: &Holder) {
        let Some((segment, rest)) = path.split_first() else { return self.here.remove(holder) };
        let Some(inner) = &mut self.inner else { return };
        inner.remove_below(group, holder);
        let Some(child) = inner.children.get_mut(segment) else { return };
        child.remove(rest, group, holder);
        if child.is_empty() {
            inner.children.remove(segment);
        }
        if inner.children.is_empty() {
            self.inner = None;
        }
    }

    fn child(&self, segment: &str) -> Option<&Self> {
        let (_, child) = self.inner.as_ref()?.children.get(segment)?;
        Some(child)
    }
}

// === impl Inner ===

impl Inner {
    fn remove_below(&mut self, group: &Group, holder: &Holder) {
        let Some(holders) = self.below.get_mut(group) else { return };
        holders.remove(holder);
        if holders.is_empty() {
            self.below.remove(group);
        }
    }
}
