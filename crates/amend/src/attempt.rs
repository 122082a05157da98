//! Drafts, writes and verifies the changes to the objects of one chunk of a text.
//!
//! An object is changed as a whole or left with a reason, and no other object changes. Whether an anchor that several
//! objects share may change is only known once the result is read again; if it may not, the objects that share it are left.

use crate::change::Change;
use crate::draft::Draft;
use crate::objects::{ObjectNode, objects};
use crate::reason::Reason;
use crate::splice::apply;
use crate::tree::Tree;
use crate::{parse, render, template};
use ordinance_manifests::{BYTE_ORDER_MARK, Chunk, Manifest};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How often a chunk is drafted, each time without the changes that contradicted others.
const ROUNDS: usize = 8;

/// The requested changes of one object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'c> {
    /// The object's index in the chunk.
    pub(crate) object: usize,
    pub(crate) changes: &'c [Change],
}

/// Whether changes have an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Some,
    None,
}

/// A new text, with the field of each object whose change goes through an anchor.
struct Written {
    text: String,
    repeated: BTreeMap<usize, String>,
}

/// The changes of one chunk.
pub(crate) struct Attempt<'a> {
    tree: Tree<'a>,
    /// The byte order mark, or empty.
    mark: &'a str,
    before: &'a [Manifest],
    objects: Vec<ObjectNode>,
    /// The objects that stay unchanged, by index.
    left: BTreeMap<usize, Reason>,
}

/// Reads the objects of a text.
///
/// # Errors
///
/// If any of them cannot be read.
pub(crate) fn read(text: &str) -> Result<Vec<Manifest>, Reason> {
    let objects = ordinance_manifests::read(text, "default").into_iter().collect::<Result<_, _>>();
    objects.map_err(|error| Reason::Unreadable(error.to_string()))
}

// === impl Attempt ===

impl<'a> Attempt<'a> {
    pub(crate) fn new(chunk: &Chunk<'a>, before: &'a [Manifest]) -> Result<Self, Reason> {
        let body = chunk.text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(chunk.text);
        let mark = &chunk.text[..chunk.text.len() - body.len()];
        let tree = parse::text(body, usize::try_from(chunk.line).unwrap_or(usize::MAX))?;
        let objects = objects(&tree);
        if objects.len() != before.len() {
            return Err(Reason::Unverified);
        }
        Ok(Self { tree, mark, before, objects, left: BTreeMap::new() })
    }

    /// Returns the new text, and the objects that stay unchanged, by index.
    pub(crate) fn run(mut self, orders: Vec<Order<'_>>) -> Result<(String, BTreeMap<usize, Reason>), Reason> {
        let mut orders = self.possible(orders);
        loop {
            let written = self.write(&mut orders)?;
            let wrong = self.wrong(&written.text, &orders);
            if wrong.is_empty() {
                return Ok((written.text, self.left));
            }
            self.give_up(&mut orders, &wrong, &written.repeated);
        }
    }

    /// The orders that succeed when each is tried by itself; the others are left.
    fn possible<'c>(&mut self, orders: Vec<Order<'c>>) -> Vec<Order<'c>> {
        let documents: BTreeSet<usize> =
            orders.iter().map(|order| self.objects[order.object].document).collect();
        let refused =
            |document| template::refuse(&self.tree, document).err().map(|reason| (document, reason));
        let templates: BTreeMap<usize, Reason> = documents.into_iter().filter_map(refused).collect();
        let mut possible = Vec::new();
        for order in orders {
            match self.try_alone(order, &templates) {
                Ok(Effect::None) => {}
                Ok(Effect::Some) => possible.push(order),
                Err(reason) => {
                    self.left.insert(order.object, reason);
                }
            }
        }
        possible
    }

    fn try_alone(&self, order: Order<'_>, templates: &BTreeMap<usize, Reason>) -> Result<Effect, Reason> {
        if self.expected(order)? == value(&self.before[order.object])? {
            return Ok(Effect::None);
        }
        if let Some(reason) = templates.get(&self.objects[order.object].document) {
            return Err(reason.clone());
        }
        let mut draft = Draft::new(&self.tree);
        self.draft(&mut draft, order)?;
        render::splices(&self.tree, &draft).map(|_| Effect::Some)
    }

    fn draft(&self, draft: &mut Draft<'_, '_>, order: Order<'_>) -> Result<(), Reason> {
        let node = self.objects[order.object].node;
        order.changes.iter().try_for_each(|change| draft.apply(order.object, node, change))
    }

    /// The object with its patch applied.
    fn expected(&self, order: Order<'_>) -> Result<Value, Reason> {
        let mut value = value(&self.before[order.object])?;
        order.changes.iter().try_for_each(|change| change.apply(&mut value))?;
        Ok(value)
    }

    /// Writes all orders. An order that contradicts an earlier one is left.
    fn write(&mut self, orders: &mut Vec<Order<'_>>) -> Result<Written, Reason> {
        for _ in 0..ROUNDS {
            let mut draft = Draft::new(&self.tree);
            let drafted = orders.iter().map(|order| (order.object, self.draft(&mut draft, *order)));
            let contradictions: BTreeMap<usize, Reason> =
                drafted.filter_map(|(object, drafted)| Some((object, drafted.err()?))).collect();
            if contradictions.is_empty() {
                let text = apply(self.tree.text.all, render::splices(&self.tree, &draft)?);
                let text = format!("{}{}", self.mark, text.ok_or(Reason::Unverified)?);
                return Ok(Written { text, repeated: draft.repeated });
            }
            orders.retain(|order| !contradictions.contains_key(&order.object));
            self.left.extend(contradictions);
        }
        Err(Reason::Unverified)
    }

    /// The objects that differ from the expected ones in a new text; all objects if it cannot be read.
    fn wrong(&self, text: &str, orders: &[Order<'_>]) -> BTreeSet<usize> {
        let all = || (0..self.before.len()).collect();
        let Ok(after) = read(text) else { return all() };
        if after.len() != self.before.len() {
            return all();
        }
        let mut wrong: BTreeSet<usize> =
            (0..after.len()).filter(|object| !is_same(&self.before[*object], &after[*object])).collect();
        for order in orders {
            match self.is_expected(*order, &after[order.object]) {
                true => wrong.remove(&order.object),
                false => wrong.insert(order.object),
            };
        }
        wrong
    }

    fn is_expected(&self, order: Order<'_>, after: &Manifest) -> bool {
        self.expected(order).is_ok_and(|expected| value(after).is_ok_and(|after| after == expected))
    }

    /// Leaves the objects that go through an anchor in the documents with a wrong object; all objects of these documents
    /// if none goes through an anchor.
    fn give_up(
        &mut self,
        orders: &mut Vec<Order<'_>>,
        wrong: &BTreeSet<usize>,
        repeated: &BTreeMap<usize, String>,
    ) {
        let documents: BTreeSet<usize> = wrong.iter().map(|object| self.objects[*object].document).collect();
        let is_near = |order: &&Order<'_>| documents.contains(&self.objects[order.object].document);
        let near: Vec<usize> = orders.iter().filter(is_near).map(|order| order.object).collect();
        let shared: Vec<usize> =
            near.iter().copied().filter(|object| repeated.contains_key(object)).collect();
        let mut given_up = if shared.is_empty() { near } else { shared };
        if given_up.is_empty() {
            given_up = orders.iter().map(|order| order.object).collect();
        }
        orders.retain(|order| !given_up.contains(&order.object));
        for object in given_up {
            let shared = repeated.get(&object).map(|field| Reason::Repeated { field: field.clone() });
            self.left.insert(object, shared.unwrap_or(Reason::Unverified));
        }
    }
}

fn value(manifest: &Manifest) -> Result<Value, Reason> {
    serde_json::from_str(&manifest.json).map_err(|error| Reason::Unreadable(error.to_string()))
}

/// Whether two objects are equal apart from their position.
fn is_same(one: &Manifest, other: &Manifest) -> bool {
    (&one.scope, &one.json) == (&other.scope, &other.json)
}
