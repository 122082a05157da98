//! What is to be written where, before a byte is.
//!
//! Changes are applied one after the other to a tree, as they would be to the value that it stands for. What an anchor
//! writes once for several places is changed once, if all of them are to change alike.

use crate::change::Change;
use crate::reason::{Reason, field};
use crate::tree::{Id, Kind, Node, Tree};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Changes of the nodes of a tree.
#[derive(Debug)]
pub(crate) struct Draft<'t, 'a> {
    tree: &'t Tree<'a>,
    /// What stands for a scalar or an alias from now on.
    pub(crate) values: BTreeMap<Id, Value>,
    /// The new names of keys.
    pub(crate) names: BTreeMap<Id, String>,
    /// The new members of mappings.
    pub(crate) members: BTreeMap<Id, Vec<(String, Value)>>,
    /// The elements of lists that get new ones.
    pub(crate) slots: BTreeMap<Id, Vec<Slot>>,
    /// What was inserted into lists.
    insertions: BTreeMap<Id, Insertions>,
    /// The objects that change something which is written for several places, and what.
    pub(crate) repeated: BTreeMap<usize, String>,
    /// Whether the steps that were followed last lead to such a place.
    is_repeated: bool,
}

/// An element of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Slot {
    Old(Id),
    New(Value),
}

/// What was inserted into a list, to which several ways may lead.
#[derive(Debug, Default)]
struct Insertions {
    /// The way that was followed first; by the others the same is inserted, or nothing.
    leader: Option<Way>,
    /// Each element with its place, in the order in which they were inserted.
    elements: Vec<(usize, Value)>,
    /// How many of them, by the way to the list.
    done: BTreeMap<Way, usize>,
}

/// A way to what an anchor writes for several places.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    object: usize,
    /// A JSON pointer.
    path: String,
}

/// Where the steps of a change lead.
enum Spot<'s> {
    /// To a node, and a step from there.
    Node(Id, &'s str),
    /// Into a value that is new, with the rest of the steps.
    New(Home<'s>, &'s [String]),
}

/// Where a value that is new is kept.
#[derive(Clone, Copy)]
enum Home<'s> {
    /// In the place of a node.
    Value(Id),
    /// A step from a node.
    Child(Id, &'s str),
}

// === impl Draft ===

impl<'t, 'a> Draft<'t, 'a> {
    pub(crate) fn new(tree: &'t Tree<'a>) -> Self {
        Self {
            tree,
            values: BTreeMap::new(),
            names: BTreeMap::new(),
            members: BTreeMap::new(),
            slots: BTreeMap::new(),
            insertions: BTreeMap::new(),
            repeated: BTreeMap::new(),
            is_repeated: false,
        }
    }

    /// The nodes that change, and the lists and mappings that do.
    pub(crate) fn changed(&self) -> BTreeSet<Id> {
        let scalars = self.values.keys().chain(self.names.keys());
        scalars.chain(self.members.keys()).chain(self.slots.keys()).copied().collect()
    }

    /// Applies a change to the object whose node is `root`.
    pub(crate) fn apply(&mut self, object: usize, root: Id, change: &Change) -> Result<(), Reason> {
        let steps = change.steps()?;
        match (self.find(object, root, change, &steps)?, change) {
            (Spot::New(home, rest), _) => {
                let home = self.home_mut(home).ok_or_else(|| change.unexpected("something to change"))?;
                change.apply_at(home, rest)
            }
            (Spot::Node(id, step), Change::Add { value, .. }) => self.add(object, id, step, change, value),
            (Spot::Node(id, step), Change::Rewrite { key, value, .. }) => {
                self.rewrite(id, step, change, (key, value))
            }
        }
    }

    /// Follows all steps but the last.
    fn find<'s>(
        &mut self,
        object: usize,
        root: Id,
        change: &Change,
        steps: &'s [String],
    ) -> Result<Spot<'s>, Reason> {
        let Some((last, parents)) = steps.split_last() else {
            return Err(change.unexpected("a part of an object"));
        };
        self.is_repeated = false;
        let mut id = self.enter(object, root, change);
        for (depth, step) in parents.iter().enumerate() {
            if self.is_new(id, step) {
                return Ok(Spot::New(Home::Child(id, step), &steps[depth + 1..]));
            }
            let child = self.child(id, step, change)?;
            if self.values.contains_key(&child) {
                return Ok(Spot::New(Home::Value(child), &steps[depth + 1..]));
            }
            id = self.enter(object, child, change);
        }
        Ok(Spot::Node(id, last))
    }

    /// The node that is meant, and whether it is written for several places.
    fn enter(&mut self, object: usize, id: Id, change: &Change) -> Id {
        let target = self.tree.target(id);
        if self.tree.node(target).is_repeated {
            self.repeated.entry(object).or_insert_with(|| field(change.path()));
            self.is_repeated = true;
        }
        target
    }

    /// Whether a step leads to a value that is new.
    fn is_new(&self, id: Id, step: &str) -> bool {
        let is_member = |members: &Vec<(String, Value)>| members.iter().any(|(name, _)| name == step);
        self.members.get(&id).is_some_and(is_member) || matches!(self.slot(id, step), Some(Slot::New(_)))
    }

    fn home_mut(&mut self, home: Home<'_>) -> Option<&mut Value> {
        let (id, step) = match home {
            Home::Value(id) => return self.values.get_mut(&id),
            Home::Child(id, step) => (id, step),
        };
        if let Some(members) = self.members.get_mut(&id) {
            return members.iter_mut().find(|(name, _)| name == step).map(|(_, value)| value);
        }
        match self.slots.get_mut(&id)?.get_mut(step.parse::<usize>().ok()?)? {
            Slot::New(value) => Some(value),
            Slot::Old(_) => None,
        }
    }

    /// An element of a list as it would be now.
    fn slot(&self, id: Id, step: &str) -> Option<Slot> {
        let index: usize = step.parse().ok()?;
        match self.slots.get(&id) {
            Some(slots) => slots.get(index).cloned(),
            None => self.tree.items(id).get(index).copied().map(Slot::Old),
        }
    }

    /// The node that a step leads to.
    fn child(&self, id: Id, step: &str, change: &Change) -> Result<Id, Reason> {
        match &self.tree.node(id).kind {
            Kind::Sequence { .. } => match self.slot(id, step) {
                Some(Slot::Old(child)) => Ok(child),
                _ => Err(change.unexpected("a longer list")),
            },
            Kind::Mapping { .. } => match self.entry(id, step, change)? {
                Some((_, value)) => Ok(value),
                None if self.merges(id) => Err(Reason::Merged { field: field(change.path()) }),
                None => Err(change.unexpected("something to change")),
            },
            _ => Err(change.unexpected("a mapping or a list, not a single value")),
        }
    }

    /// The entry of a name as it would be now.
    fn entry(&self, id: Id, name: &str, change: &Change) -> Result<Option<(Id, Id)>, Reason> {
        let is_it = |(key, _): &&(Id, Id)| match self.names.get(key) {
            Some(renamed) => renamed == name,
            None => self.tree.scalar(*key) == Some(name),
        };
        let mut entries = self.tree.entries(id).iter().filter(is_it);
        match (entries.next(), entries.next()) {
            (_, Some(_)) => Err(change.unexpected("each key once")),
            (entry, None) => Ok(entry.copied()),
        }
    }

    /// Whether a mapping takes members of others.
    fn merges(&self, id: Id) -> bool {
        self.tree.member(id, "<<").is_some()
    }

    fn add(
        &mut self,
        object: usize,
        id: Id,
        step: &str,
        change: &Change,
        value: &Value,
    ) -> Result<(), Reason> {
        match &self.tree.node(id).kind {
            Kind::Sequence { .. } => self.insert(object, id, step, change, value),
            Kind::Mapping { .. } => self.set(id, step, change, value),
            _ => Err(change.unexpected("a mapping or a list, not a single value")),
        }
    }

    /// Gives a mapping a member.
    fn set(&mut self, id: Id, name: &str, change: &Change, value: &Value) -> Result<(), Reason> {
        if let Some((_, old)) = self.entry(id, name, change)? {
            return self.replace(old, change, value);
        }
        match self.new_member(id, name) {
            Some((_, old)) => *old = value.clone(),
            None => self.members.entry(id).or_default().push((name.to_owned(), value.clone())),
        }
        Ok(())
    }

    /// Puts a value in the place of one that says nothing, or of one that took such a place.
    fn replace(&mut self, old: Id, change: &Change, value: &Value) -> Result<(), Reason> {
        let says_nothing = self.tree.node(old).is_null() || self.tree.scalar(old) == Some("");
        if !says_nothing {
            return Err(change.unexpected("absent or empty"));
        }
        self.values.insert(old, value.clone());
        Ok(())
    }

    /// Inserts an element, once for all ways to the list.
    fn insert(
        &mut self,
        object: usize,
        id: Id,
        step: &str,
        change: &Change,
        value: &Value,
    ) -> Result<(), Reason> {
        let way = self.way(object, change);
        let insertions = self.insertions.entry(id).or_default();
        let leads = *insertions.leader.get_or_insert_with(|| way.clone()) == way;
        let done = insertions.done.entry(way).or_default();
        let element = index(step, self.tree.items(id).len() + *done).map(|index| (index, value.clone()));
        let element = element.ok_or_else(|| change.unexpected("a longer list"))?;
        *done += 1;
        if !leads {
            let is_alike = insertions.elements.get(*done - 1) == Some(&element);
            return is_alike.then_some(()).ok_or_else(|| Reason::Repeated { field: field(change.path()) });
        }
        insertions.elements.push(element.clone());
        self.slots_mut(id).insert(element.0, Slot::New(element.1));
        Ok(())
    }

    /// The way that was followed last. To what is written for one place there is but one.
    fn way(&self, object: usize, change: &Change) -> Way {
        match (self.is_repeated, change.path().rsplit_once('/')) {
            (true, Some((path, _))) => Way { object, path: path.to_owned() },
            _ => Way::default(),
        }
    }

    fn slots_mut(&mut self, id: Id) -> &mut Vec<Slot> {
        let tree = self.tree;
        self.slots.entry(id).or_insert_with(|| tree.items(id).iter().copied().map(Slot::Old).collect())
    }

    /// Gives a member that is a text another name and another text.
    fn rewrite(
        &mut self,
        id: Id,
        name: &str,
        change: &Change,
        (key, value): (&str, &str),
    ) -> Result<(), Reason> {
        if name != key && self.is_rewritten(id, name, (key, value)) {
            return Ok(());
        }
        if let Some(member) = self.new_member(id, name) {
            *member = (key.to_owned(), Value::from(value));
            return Ok(());
        }
        let Some((old, text)) = self.entry(id, name, change)? else {
            return Err(match self.merges(id) {
                true => Reason::Merged { field: field(change.path()) },
                false => change.unexpected("a text"),
            });
        };
        if name != key && (self.entry(id, key, change)?.is_some() || self.is_new(id, key)) {
            return Err(change.unexpected("not beside the member that is to take its place"));
        }
        if self.tree.scalar(text).is_none() || is_alias(self.tree.node(old)) {
            return Err(change.unexpected("a text"));
        }
        if name != key {
            self.names.insert(old, key.to_owned());
        }
        self.values.insert(text, Value::from(value));
        Ok(())
    }

    fn new_member(&mut self, id: Id, name: &str) -> Option<&mut (String, Value)> {
        self.members.get_mut(&id)?.iter_mut().find(|(other, _)| other == name)
    }

    /// Whether another way to the mapping led to the same.
    fn is_rewritten(&self, id: Id, name: &str, (key, value): (&str, &str)) -> bool {
        self.tree.entries(id).iter().any(|(old, text)| {
            self.tree.scalar(*old) == Some(name)
                && self.names.get(old).is_some_and(|renamed| renamed == key)
                && self.values.get(text).is_some_and(|written| written == value)
        })
    }
}

/// The place in a list that a step means; `-` is its end.
fn index(step: &str, length: usize) -> Option<usize> {
    match step {
        "-" => Some(length),
        _ => step.parse().ok().filter(|index| *index <= length),
    }
}

fn is_alias(node: &Node<'_>) -> bool {
    matches!(node.kind, Kind::Alias(_))
}
