//! The prefix tree of a realm. A node is where a key ends or where keys part, whatever the number of segments between them.
//!
//! `radix_trie` 0.3, `patricia_tree` 0.10 and `qp-trie` 0.8 branch within bytes, so that a node may be within a segment. None
//! of them stores a summary of the keys below a node: a look-up of `/` would visit every key of the realm.

use crate::children::{Child, Children};
use crate::holder::Holder;
use crate::path;
use crate::small_map::SmallMap;
use ordinance_contract::{Key, Stance};
use std::sync::Arc;

/// A node whose child has more holders stays when it could be replaced by its child: creating it again costs time for each.
const CHEAP_HOLDERS: usize = 64;

/// The stance and the note that keys have in common. One holding stands for all keys of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Group {
    pub(crate) stance: Stance,
    pub(crate) note: Box<str>,
}

/// The holders of keys, by group.
pub(crate) type Groups = SmallMap<Arc<Group>, SmallMap<Holder>>;

/// A node. Most nodes are the end of a single key.
#[derive(Debug, Default)]
pub(crate) struct PathNode {
    /// The holders of keys that end here.
    here: Groups,
    /// `None` for a leaf.
    inner: Option<Box<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The holders of keys that end below.
    below: Groups,
    children: Children,
}

/// The way to a child. Edges of one node differ in their first segment.
#[derive(Debug)]
pub(crate) struct Edge {
    /// The path of the child, from the root. The keys that end there share it.
    path: Arc<str>,
    /// The length of the node's own path.
    start: u32,
}

/// The holders of keys below a path: those of a node, and those of the node above it if the path ends between both.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeysBelow<'a> {
    here: Option<&'a Groups>,
    below: Option<&'a Groups>,
}

// === impl Group ===

impl From<&Key> for Group {
    fn from(key: &Key) -> Self {
        Self { stance: key.stance, note: key.note.as_str().into() }
    }
}

// === impl PathNode ===

impl PathNode {
    /// The holders of keys that end here, by group.
    pub(crate) fn here(&self) -> impl Iterator<Item = (&Group, &SmallMap<Holder>)> {
        self.here.iter().map(|(group, holders)| (&**group, holders))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.here.is_empty() && self.inner.is_none()
    }

    /// This node and the nodes along a path, each with the length of its own path.
    pub(crate) fn along<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (usize, &'a Self)> {
        std::iter::successors(Some((0, self)), move |(end, node)| {
            let rest = path.get(*end..)?;
            let Child { edge, node } = node.child(rest)?;
            rest.starts_with(edge.label()).then_some((edge.path.len(), node))
        })
    }

    /// The holders of keys that end below a path.
    pub(crate) fn below<'a>(&'a self, path: &'a str) -> KeysBelow<'a> {
        let (end, node) = self.along(path).last().unwrap_or((0, self));
        let rest = path.get(end..).unwrap_or_default();
        if rest.is_empty() {
            return KeysBelow { here: None, below: node.groups_below() };
        }
        match node.child(rest) {
            Some(Child { edge, node }) if edge.label().starts_with(rest) => {
                KeysBelow { here: Some(&node.here), below: node.groups_below() }
            }
            _ => KeysBelow::default(),
        }
    }

    /// Adds a key. Returns its path, in a text that the tree shares.
    pub(crate) fn insert(&mut self, path: &str, group: &Arc<Group>, holder: &Holder) -> Arc<str> {
        let (mut node, mut reached): (_, Arc<str>) = (self, Arc::from(""));
        while let Some(rest) = path.get(reached.len()..).filter(|rest| !rest.is_empty()) {
            let start = reached.len();
            let Inner { below, children } = &mut **node.inner.get_or_insert_default();
            below.entry(Arc::clone(group)).entry(holder.clone());
            reached = Inner::reach(children, rest, start).unwrap_or_else(|| path.into());
            node = children.entry(Edge::new(&reached, start));
        }
        node.here.entry(Arc::clone(group)).entry(holder.clone());
        reached
    }

    /// Removes a key, and the nodes that are not needed without it. The holder's other keys of the group below these nodes are
    /// removed as well, so the caller has to remove all keys of a holder.
    pub(crate) fn remove(&mut self, path: &str, group: &Group, holder: &Holder) {
        if path.is_empty() {
            return remove_holder(&mut self.here, group, holder);
        }
        let Some(inner) = &mut self.inner else { return };
        remove_holder(&mut inner.below, group, holder);
        inner.remove_from_child(path, group, holder);
        if inner.children.is_empty() {
            self.inner = None;
        }
    }

    fn child(&self, path: &str) -> Option<&Child> {
        self.inner.as_ref()?.children.get(path::prefix(path, 1))
    }

    fn groups_below(&self) -> Option<&Groups> {
        self.inner.as_ref().map(|inner| &inner.below)
    }

    /// All holders of this node and below it, by group.
    fn all_groups(&self) -> Groups {
        let mut all = self.groups_below().cloned().unwrap_or_default();
        for (group, holders) in self.here.iter() {
            let all = all.entry(Arc::clone(group));
            holders.iter().for_each(|(holder, ())| *all.entry(holder.clone()) = ());
        }
        all
    }

    /// Takes the only child of a node that no key ends at, if it can replace the node.
    fn take_replacement(&mut self) -> Option<Box<Child>> {
        let inner = self.inner.as_mut().filter(|inner| self.here.is_empty() && inner.has_few_holders())?;
        inner.children.take_only()
    }
}

// === impl Inner ===

impl Inner {
    /// Makes sure that a child's path ends where a new path leaves the existing ones. Returns the path of the child that the
    /// new path leads to, or `None` if there is none yet.
    fn reach(children: &mut Children, rest: &str, start: usize) -> Option<Arc<str>> {
        let first = path::prefix(rest, 1);
        let Child { edge, .. } = children.get(first)?;
        let shared = path::shared(edge.label(), rest);
        if shared == edge.label().len() {
            return Some(Arc::clone(&edge.path));
        }
        let Child { edge, node } = *children.take(first)?;
        let parting: Arc<str> = edge.path.get(..start + shared)?.into();
        let below = node.all_groups();
        let mut inner = Self { below, children: Children::default() };
        *inner.children.entry(Edge::new(&edge.path, parting.len())) = node;
        *children.entry(Edge::new(&parting, start)) =
            PathNode { here: Groups::default(), inner: Some(Box::new(inner)) };
        Some(parting)
    }

    fn remove_from_child(&mut self, path: &str, group: &Group, holder: &Holder) {
        let first = path::prefix(path, 1);
        let Some(Child { edge, node }) = self.children.get_mut(first) else { return };
        let Some(rest) = path.strip_prefix(edge.label()) else { return };
        node.remove(rest, group, holder);
        if node.is_empty() {
            self.children.take(first);
        } else if let Some(replacement) = node.take_replacement() {
            // Its first segment is the same.
            *edge = Edge::new(&replacement.edge.path, edge.start as usize);
            *node = replacement.node;
        }
    }

    fn has_few_holders(&self) -> bool {
        let mut left = CHEAP_HOLDERS;
        self.below.iter().all(|(_, holders)| {
            left = left.saturating_sub(holders.len());
            left > 0
        })
    }
}

fn remove_holder(groups: &mut Groups, group: &Group, holder: &Holder) {
    let Some(holders) = groups.value_mut(group) else { return };
    holders.remove(holder);
    if holders.is_empty() {
        groups.remove(group);
    }
}

// === impl Edge ===

impl Edge {
    fn new(path: &Arc<str>, start: usize) -> Self {
        // No path is longer than `PATH_BYTES`.
        Self { path: Arc::clone(path), start: u32::try_from(start).unwrap_or(u32::MAX) }
    }

    /// The segments from the node to the child.
    fn label(&self) -> &str {
        self.path.get(self.start as usize..).unwrap_or_default()
    }

    /// The first segment.
    pub(crate) fn first(&self) -> &str {
        path::prefix(self.label(), 1)
    }
}

// === impl KeysBelow ===

impl<'a> KeysBelow<'a> {
    /// The first holder of each group besides `except`, and the number of holders besides it.
    pub(crate) fn groups(
        self,
        except: Option<&'a Holder>,
    ) -> impl Iterator<Item = (&'a Group, &'a Holder, usize)> {
        let here = self.here.into_iter().flat_map(Groups::iter);
        let here = here
            .map(move |(group, holders)| (group, holders, self.below.and_then(|below| below.value(group))));
        let is_only_below =
            move |group: &Arc<Group>| self.here.is_none_or(|here| here.value(group).is_none());
        let below = self.below.into_iter().flat_map(Groups::iter);
        let below = below
            .filter(move |(group, _)| is_only_below(group))
            .map(|(group, holders)| (group, holders, None));
        here.chain(below).filter_map(move |(group, one, other)| {
            let (first, count) = first_of(one, other, except)?;
            Some((&**group, first, count))
        })
    }
}

/// The first holder of one or two sets besides `except`, and the number of holders besides it.
fn first_of<'a>(
    one: &'a SmallMap<Holder>,
    other: Option<&'a SmallMap<Holder>>,
    except: Option<&Holder>,
) -> Option<(&'a Holder, usize)> {
    let first = |holders: &'a SmallMap<Holder>| {
        holders.iter().map(|(holder, ())| holder).find(|holder| Some(*holder) != except)
    };
    let Some(other) = other else { return Some((first(one)?, count(one, except))) };
    let (small, large) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let is_only_here = |holder: &Holder| Some(holder) != except && large.value(holder).is_none();
    let added = small.iter().filter(|(holder, ())| is_only_here(holder)).count();
    let first = first(small).into_iter().chain(first(large)).min()?;
    Some((first, count(large, except) + added))
}

/// The number of holders besides `except`.
pub(crate) fn count(holders: &SmallMap<Holder>, except: Option<&Holder>) -> usize {
    holders.len() - usize::from(except.is_some_and(|own| holders.value(own).is_some()))
}
