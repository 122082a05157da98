//! Changes as changes of the nodes of a tree, before a byte is written.
//!
//! The changes apply to the tree one after the other, as they apply to the value of the object. A node that an anchor
//! shares among several places is changed once, if all of these places change alike.

use crate::change::FieldChange;
use crate::error::{AmendError, field};
use crate::tree::{Id, NodeKind, SyntaxNode, SyntaxTree};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The drafted changes of a tree's nodes.
#[derive(Debug)]
pub(crate) struct DraftedChanges<'t, 'a> {
    tree: &'t SyntaxTree<'a>,
    /// The new values of replaced nodes.
    pub(crate) values: BTreeMap<Id, Value>,
    /// The new names of renamed keys.
    pub(crate) names: BTreeMap<Id, String>,
    /// The new members of mappings.
    pub(crate) members: BTreeMap<Id, Vec<(String, Value)>>,
    /// The elements of the lists that gain or lose elements.
    pub(crate) elements: BTreeMap<Id, Vec<Element>>,
    /// The keys of removed members, and the removed elements.
    pub(crate) removed: BTreeSet<Id>,
    insertions: BTreeMap<Id, Insertions>,
    /// The objects with a change through an anchor, and the field of its first one.
    pub(crate) repeated: BTreeMap<usize, String>,
    /// Whether the last resolved path goes through an anchor.
    is_repeated: bool,
}

/// An element of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Element {
    Old(Id),
    New(Value),
}

/// The insertions into a list, to which several routes may lead.
#[derive(Debug, Default)]
struct Insertions {
    /// The first route; the other routes insert the same elements in the same order, or fewer of them.
    leader: Option<AnchorRoute>,
    /// Each inserted element with its index, in the order of insertion.
    inserted: Vec<(usize, Value)>,
    /// The number of insertions by route.
    done: BTreeMap<AnchorRoute, usize>,
}

/// An object and a path in it that leads to a node with an anchor.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct AnchorRoute {
    object: usize,
    /// A JSON pointer.
    path: String,
}

/// The target of a path.
enum PathTarget<'s> {
    /// A step from a node of the tree.
    Node(Id, &'s str),
    /// The rest of the path, from a new value.
    New(NewValue<'s>, &'s [String]),
}

/// Where a draft stores a new value.
#[derive(Clone, Copy)]
enum NewValue<'s> {
    /// In the place of a node.
    Of(Id),
    /// As a member or an element of a node.
    In(Id, &'s str),
}

/// An existing member of a mapping or element of a list.
enum Existing {
    /// The key or element to remove, and the value to replace.
    Node { part: Id, value: Id },
    /// A value that an earlier change added.
    New,
}

// === impl DraftedChanges ===

impl<'t, 'a> DraftedChanges<'t, 'a> {
    pub(crate) fn new(tree: &'t SyntaxTree<'a>) -> Self {
        Self {
            tree,
            values: BTreeMap::new(),
            names: BTreeMap::new(),
            members: BTreeMap::new(),
            elements: BTreeMap::new(),
            removed: BTreeSet::new(),
            insertions: BTreeMap::new(),
            repeated: BTreeMap::new(),
            is_repeated: false,
        }
    }

    /// The nodes that are written differently: replaced scalars and keys, and collections with other members or
    /// elements.
    pub(crate) fn changed(&self) -> BTreeSet<Id> {
        let scalars = self.values.keys().chain(self.names.keys());
        let collections = self.members.keys().chain(self.elements.keys()).copied();
        let shrunk = self.removed.iter().filter_map(|id| self.tree.node(*id).parent);
        scalars.copied().chain(collections).chain(shrunk).collect()
    }

    /// Applies a change to an object, whose node is `root`.
    pub(crate) fn apply(&mut self, object: usize, root: Id, change: &FieldChange) -> Result<(), AmendError> {
        let steps = change.steps()?;
        let (id, step) = match self.resolve(object, root, change, &steps)? {
            PathTarget::Node(id, step) => (id, step),
            PathTarget::New(place, rest) => {
                let value = self.new_value(place).ok_or_else(|| change.unexpected("something to change"))?;
                return change.apply_at(value, rest);
            }
        };
        match change {
            FieldChange::Add { value, .. } => self.add(object, id, step, change, value),
            FieldChange::Replace { value, .. } => self.replace(object, id, step, change, value),
            FieldChange::Remove { .. } => self.remove(id, step, change),
            FieldChange::Rewrite { key, value, .. } => self.rewrite(object, id, step, change, (key, value)),
        }
    }

    // --- paths ---

    /// Follows all steps but the last.
    fn resolve<'s>(
        &mut self,
        object: usize,
        root: Id,
        change: &FieldChange,
        steps: &'s [String],
    ) -> Result<PathTarget<'s>, AmendError> {
        let Some((last, parents)) = steps.split_last() else {
            return Err(change.unexpected("a part of an object"));
        };
        self.is_repeated = false;
        let mut id = self.enter(object, root, change);
        for (depth, step) in parents.iter().enumerate() {
            if self.is_new(id, step) {
                return Ok(PathTarget::New(NewValue::In(id, step), &steps[depth + 1..]));
            }
            let child = self.child(id, step, change)?;
            if self.values.contains_key(&child) {
                return Ok(PathTarget::New(NewValue::Of(child), &steps[depth + 1..]));
            }
            id = self.enter(object, child, change);
        }
        Ok(PathTarget::Node(id, last))
    }

    /// Follows an alias, and notes whether the node has several places.
    fn enter(&mut self, object: usize, id: Id, change: &FieldChange) -> Id {
        let target = self.tree.target(id);
        self.is_repeated |= self.note_repeated(object, target, change);
        target
    }

    fn note_repeated(&mut self, object: usize, id: Id, change: &FieldChange) -> bool {
        let is_repeated = self.tree.node(id).is_repeated;
        if is_repeated {
            self.repeated.entry(object).or_insert_with(|| field(change.path()));
        }
        is_repeated
    }

    /// Whether a step leads to a new member or element.
    fn is_new(&self, id: Id, step: &str) -> bool {
        let is_member = |members: &Vec<(String, Value)>| members.iter().any(|(name, _)| name == step);
        self.members.get(&id).is_some_and(is_member)
            || matches!(self.element(id, step), Some(Element::New(_)))
    }

    fn new_value(&mut self, place: NewValue<'_>) -> Option<&mut Value> {
        let (id, step) = match place {
            NewValue::Of(id) => return self.values.get_mut(&id),
            NewValue::In(id, step) => (id, step),
        };
        if self.members.contains_key(&id) {
            return self.new_member(id, step).map(|(_, value)| value);
        }
        match self.elements.get_mut(&id)?.get_mut(step.parse::<usize>().ok()?)? {
            Element::New(value) => Some(value),
            Element::Old(_) => None,
        }
    }

    /// The current element of a list at an index.
    fn element(&self, id: Id, step: &str) -> Option<Element> {
        let index: usize = step.parse().ok()?;
        match self.elements.get(&id) {
            Some(elements) => elements.get(index).cloned(),
            None => self.tree.items(id).get(index).copied().map(Element::Old),
        }
    }

    /// The node that a step leads to.
    fn child(&self, id: Id, step: &str, change: &FieldChange) -> Result<Id, AmendError> {
        match self.existing(id, step, change)? {
            Existing::Node { value, .. } => Ok(value),
            Existing::New => Err(change.unexpected("something to change")),
        }
    }

    /// The current member or element that a step leads to.
    fn existing(&self, id: Id, step: &str, change: &FieldChange) -> Result<Existing, AmendError> {
        match &self.tree.node(id).kind {
            NodeKind::Sequence { .. } => match self.element(id, step) {
                Some(Element::Old(child)) => Ok(Existing::Node { part: child, value: child }),
                Some(Element::New(_)) => Ok(Existing::New),
                None => Err(change.unexpected("a longer list")),
            },
            NodeKind::Mapping { .. } => match self.entry(id, step, change)? {
                Some((key, value)) => Ok(Existing::Node { part: key, value }),
                None if self.is_new(id, step) => Ok(Existing::New),
                None if self.merges(id) => Err(change.merged()),
                None => Err(change.unexpected("something to change")),
            },
            _ => Err(change.unexpected("a mapping or a list, not a single value")),
        }
    }

    /// The current entry of a name in a mapping.
    fn entry(&self, id: Id, name: &str, change: &FieldChange) -> Result<Option<(Id, Id)>, AmendError> {
        let is_it = |(key, _): &&(Id, Id)| match self.names.get(key) {
            Some(renamed) => renamed == name,
            None => !self.removed.contains(key) && self.tree.scalar(*key) == Some(name),
        };
        let mut entries = self.tree.entries(id).iter().filter(is_it);
        match (entries.next(), entries.next()) {
            (_, Some(_)) => Err(change.unexpected("each key once")),
            (entry, None) => Ok(entry.copied()),
        }
    }

    /// Returns the entry with this key, if an earlier change removed it.
    fn removed_entry(&self, id: Id, name: &str) -> Option<(Id, Id)> {
        let is_it = |(key, _): &&(Id, Id)| self.removed.contains(key) && self.tree.scalar(*key) == Some(name);
        self.tree.entries(id).iter().find(is_it).copied()
    }

    /// Returns whether a mapping takes members from others.
    fn merges(&self, id: Id) -> bool {
        self.tree.member(id, "<<").is_some()
    }

    fn new_member(&mut self, id: Id, name: &str) -> Option<&mut (String, Value)> {
        self.members.get_mut(&id)?.iter_mut().find(|(other, _)| other == name)
    }

    // --- additions ---

    fn add(
        &mut self,
        object: usize,
        id: Id,
        step: &str,
        change: &FieldChange,
        value: &Value,
    ) -> Result<(), AmendError> {
        match &self.tree.node(id).kind {
            NodeKind::Sequence { .. } => self.insert(object, id, step, change, value),
            NodeKind::Mapping { .. } => self.set(id, step, change, value),
            _ => Err(change.unexpected("a mapping or a list, not a single value")),
        }
    }

    /// Sets a member that is absent or empty.
    fn set(&mut self, id: Id, name: &str, change: &FieldChange, value: &Value) -> Result<(), AmendError> {
        if let Some((_, old)) = self.entry(id, name, change)? {
            return self.fill(old, change, value);
        }
        // A member that was removed before returns to its position.
        if let Some((key, old)) = self.removed_entry(id, name) {
            self.removed.remove(&key);
            self.values.insert(old, value.clone());
            return Ok(());
        }
        match self.new_member(id, name) {
            Some((_, old)) => *old = value.clone(),
            None => self.members.entry(id).or_default().push((name.to_owned(), value.clone())),
        }
        Ok(())
    }

    /// Sets the value of a node that is empty or that an earlier change wrote; fails on any other.
    fn fill(&mut self, old: Id, change: &FieldChange, value: &Value) -> Result<(), AmendError> {
        let is_empty = self.tree.node(old).is_null() || self.tree.scalar(old) == Some("");
        if !is_empty && !self.values.contains_key(&old) {
            return Err(change.unexpected("absent or empty"));
        }
        self.values.insert(old, value.clone());
        Ok(())
    }

    /// Inserts an element, once for all routes to the list.
    fn insert(
        &mut self,
        object: usize,
        id: Id,
        step: &str,
        change: &FieldChange,
        value: &Value,
    ) -> Result<(), AmendError> {
        let route = self.route(object, change);
        let old = self.tree.items(id).len();
        let current = self.elements.get(&id).map_or(old, Vec::len);
        let insertions = self.insertions.entry(id).or_default();
        let leads = *insertions.leader.get_or_insert_with(|| route.clone()) == route;
        let done = insertions.done.entry(route).or_default();
        let length = if leads { current } else { old + *done };
        let index = index(step, length).ok_or_else(|| change.unexpected("a longer list"))?;
        let element = (index, value.clone());
        *done += 1;
        if !leads {
            let is_alike = insertions.inserted.get(*done - 1) == Some(&element);
            return is_alike.then_some(()).ok_or_else(|| change.repeated());
        }
        insertions.inserted.push(element.clone());
        self.elements_mut(id).insert(element.0, Element::New(element.1));
        Ok(())
    }

    /// The route of the last resolved path; the default one if the list has only one place.
    fn route(&self, object: usize, change: &FieldChange) -> AnchorRoute {
        match (self.is_repeated, change.path().rsplit_once('/')) {
            (true, Some((path, _))) => AnchorRoute { object, path: path.to_owned() },
            _ => AnchorRoute::default(),
        }
    }

    fn elements_mut(&mut self, id: Id) -> &mut Vec<Element> {
        let tree = self.tree;
        self.elements.entry(id).or_insert_with(|| tree.items(id).iter().copied().map(Element::Old).collect())
    }

    // --- replacements and removals ---

    fn replace(
        &mut self,
        object: usize,
        id: Id,
        step: &str,
        change: &FieldChange,
        value: &Value,
    ) -> Result<(), AmendError> {
        let Existing::Node { value: old, .. } = self.existing(id, step, change)? else {
            let new = self.new_value(NewValue::In(id, step));
            return new
                .map(|new| *new = value.clone())
                .ok_or_else(|| change.unexpected("something to change"));
        };
        let inside = self.tree.descendants(old);
        if self.has_anchor(inside.clone()) {
            return Err(change.repeated());
        }
        self.note_repeated(object, old, change);
        self.forget(old..inside.end);
        self.values.insert(old, value.clone());
        Ok(())
    }

    fn remove(&mut self, id: Id, step: &str, change: &FieldChange) -> Result<(), AmendError> {
        // Through another alias of the mapping, the same member was removed before.
        if self.is_repeated && self.removed_entry(id, step).is_some() {
            return Ok(());
        }
        let existing = self.existing(id, step, change)?;
        let is_list = self.tree.node(id).is_sequence();
        if is_list && self.is_repeated {
            return Err(change.repeated());
        }
        if let Existing::Node { part, value } = existing {
            let removed = part..self.tree.descendants(value).end;
            if self.has_anchor(removed.clone()) {
                return Err(change.repeated());
            }
            self.forget(removed);
            self.removed.insert(part);
        } else if let Some(members) = self.members.get_mut(&id) {
            members.retain(|(name, _)| name != step);
        }
        if let (true, Ok(index)) = (is_list, step.parse::<usize>()) {
            self.elements_mut(id).remove(index);
        }
        Ok(())
    }

    /// Whether an alias repeats any of these nodes.
    fn has_anchor(&self, mut nodes: Range<Id>) -> bool {
        nodes.any(|id| self.tree.node(id).is_repeated)
    }

    /// Drops the drafted changes of nodes that are replaced or removed.
    fn forget(&mut self, nodes: Range<Id>) {
        drop_range(&mut self.values, &nodes);
        drop_range(&mut self.names, &nodes);
        drop_range(&mut self.members, &nodes);
        drop_range(&mut self.elements, &nodes);
        for id in self.removed.range(nodes).copied().collect::<Vec<Id>>() {
            self.removed.remove(&id);
        }
    }

    /// Gives a member another name and another value, in place where its value is a scalar.
    fn rewrite(
        &mut self,
        object: usize,
        id: Id,
        name: &str,
        change: &FieldChange,
        (key, value): (&str, &str),
    ) -> Result<(), AmendError> {
        if name != key && self.is_rewritten(id, name, (key, value)) {
            return Ok(());
        }
        if let Some(member) = self.new_member(id, name) {
            *member = (key.to_owned(), Value::from(value));
            return Ok(());
        }
        let Existing::Node { part: old, value: text } = self.existing(id, name, change)? else {
            return Err(change.unexpected("a text"));
        };
        let is_free = name == key || self.entry(id, key, change)?.is_none() && !self.is_new(id, key);
        let is_scalar = self.tree.scalar(text).is_some() && !is_alias(self.tree.node(old));
        if !is_free || !is_scalar || self.tree.node(id).is_sequence() {
            self.remove(id, name, change)?;
            return self.add(object, id, key, change, &Value::from(value));
        }
        self.note_repeated(object, text, change);
        if name != key {
            self.names.insert(old, key.to_owned());
        }
        self.values.insert(text, Value::from(value));
        Ok(())
    }

    /// Whether the same rewrite was made before, through another alias of the mapping.
    fn is_rewritten(&self, id: Id, name: &str, (key, value): (&str, &str)) -> bool {
        self.tree.entries(id).iter().any(|(old, text)| {
            self.tree.scalar(*old) == Some(name)
                && self.names.get(old).is_some_and(|renamed| renamed == key)
                && self.values.get(text).is_some_and(|written| written == value)
        })
    }
}

fn drop_range<V>(map: &mut BTreeMap<Id, V>, range: &Range<Id>) {
    for id in map.range(range.clone()).map(|(id, _)| *id).collect::<Vec<Id>>() {
        map.remove(&id);
    }
}

/// Parses a JSON Pointer token as an index into a list of this length, where `-` is the end.
fn index(step: &str, length: usize) -> Option<usize> {
    match step {
        "-" => Some(length),
        _ => step.parse().ok().filter(|index| *index <= length),
    }
}

fn is_alias(node: &SyntaxNode<'_>) -> bool {
    matches!(node.kind, NodeKind::Alias(_))
}
