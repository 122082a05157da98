//! A place in a realm's tree: who is here, who is below, and the way on.

use crate::few::Few;
use crate::holder::Holder;
use ordinance_contract::{Key, Stance};
use std::sync::Arc;

/// What keys say that can be told as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Group {
    pub(crate) stance: Stance,
    pub(crate) note: Box<str>,
}

/// A place. Most are the last of a key, and of one object alone.
#[derive(Debug, Default)]
pub(crate) struct Node {
    here: Few<Holder>,
    /// None where no way goes on.
    inner: Option<Box<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    below: Few<Arc<Group>, Few<Holder>>,
    children: Few<Arc<str>, Node>,
}

// === impl Group ===

impl From<&Key> for Group {
    fn from(key: &Key) -> Self {
        Self { stance: key.stance, note: key.note.as_str().into() }
    }
}

// === impl Node ===

impl Node {
    /// Those that have a key at this very place.
    pub(crate) fn here(&self) -> impl Iterator<Item = &Holder> {
        self.here.iter().map(|(holder, ())| holder)
    }

    /// Those that have a key further down.
    pub(crate) fn below(&self) -> impl Iterator<Item = (&Group, &Few<Holder>)> {
        let below = self.inner.iter().flat_map(|inner| inner.below.iter());
        below.map(|(group, holders)| (&**group, holders))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.here.is_empty() && self.inner.is_none()
    }

    /// This node and those on the way down, as far as there are any.
    pub(crate) fn way<'a>(&'a self, path: &'a [String]) -> impl Iterator<Item = &'a Self> {
        let down = path.iter().scan(self, |node, segment| {
            *node = node.child(segment)?;
            Some(*node)
        });
        std::iter::once(self).chain(down)
    }

    /// The node at the end of the way.
    pub(crate) fn find(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |node, segment| node.child(segment))
    }

    /// Returns the path in segments that are shared with the others of this tree.
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

    /// Removes a key of a holder of which all keys are removed; nodes without any are given back.
    pub(crate) fn remove(&mut self, path: &[Arc<str>], group: &Group, holder: &Holder) {
        let Some((segment, rest)) = path.split_first() else { return self.here.remove(holder) };
        let Some(inner) = &mut self.inner else { return };
        inner.forget_below(group, holder);
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
    fn forget_below(&mut self, group: &Group, holder: &Holder) {
        let Some(holders) = self.below.get_mut(group) else { return };
        holders.remove(holder);
        if holders.is_empty() {
            self.below.remove(group);
        }
    }
}
