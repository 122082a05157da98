//! A place in a realm's tree: who is here, who is below, and the way on.

use crate::holder::Holder;
use ordinance_contract::{Key, Stance};
use std::collections::BTreeMap;

/// What keys say that can be told as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    stance: Stance,
    note: String,
}

/// Objects, each with the number of its keys.
pub(crate) type Holders = BTreeMap<Holder, usize>;

/// A place.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Sorted; rarely more than one.
    here: Vec<Holder>,
    below: BTreeMap<Group, Holders>,
    children: BTreeMap<Box<str>, Node>,
}

// === impl Group ===

impl From<&Key> for Group {
    fn from(key: &Key) -> Self {
        Self { stance: key.stance, note: key.note.clone() }
    }
}

// === impl Node ===

impl Node {
    /// Those that have a key at this very place.
    pub(crate) fn here(&self) -> &[Holder] {
        &self.here
    }

    /// Those that have a key further down.
    pub(crate) fn below(&self) -> impl Iterator<Item = (&Group, &Holders)> {
        self.below.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.here.is_empty() && self.below.is_empty()
    }

    /// This node and those on the way down, as far as there are any.
    pub(crate) fn way<'a>(&'a self, path: &'a [String]) -> impl Iterator<Item = &'a Self> {
        let down = path.iter().scan(self, |node, segment| {
            *node = node.children.get(&**segment)?;
            Some(*node)
        });
        std::iter::once(self).chain(down)
    }

    /// The node at the end of the way.
    pub(crate) fn find(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |node, segment| node.children.get(&**segment))
    }

    pub(crate) fn insert(&mut self, path: &[String], group: &Group, holder: &Holder) {
        let mut node = self;
        for segment in path {
            *node.below.entry(group.clone()).or_default().entry(holder.clone()).or_default() += 1;
            node = node.children.entry(segment.as_str().into()).or_default();
        }
        if let Err(position) = node.here.binary_search(holder) {
            node.here.insert(position, holder.clone());
        }
    }

    /// Removes one key; nodes without any are given back.
    pub(crate) fn remove(&mut self, path: &[String], group: &Group, holder: &Holder) {
        let Some((segment, rest)) = path.split_first() else { return self.leave(holder) };
        self.forget_below(group, holder);
        let Some(child) = self.children.get_mut(&**segment) else { return };
        child.remove(rest, group, holder);
        if child.is_empty() {
            self.children.remove(&**segment);
        }
    }

    fn leave(&mut self, holder: &Holder) {
        if let Ok(position) = self.here.binary_search(holder) {
            self.here.remove(position);
        }
    }

    fn forget_below(&mut self, group: &Group, holder: &Holder) {
        let Some(holders) = self.below.get_mut(group) else { return };
        match holders.get_mut(holder) {
            Some(keys) if *keys > 1 => *keys -= 1,
            _ => {
                holders.remove(holder);
            }
        }
        if holders.is_empty() {
            self.below.remove(group);
        }
    }
}
