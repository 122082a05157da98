//! From a text and what is wanted of it to the new text.
//!
//! Each object is changed as a whole or left with a reason, and so that no other object changes. Where an anchor is
//! written once for several objects this can't be known before the result is read again: those that share are left then.
//! Documents are changed one by one, and those of which nothing is wanted are only read.

use crate::change::{Change, Wanted};
use crate::draft::Draft;
use crate::reason::Reason;
use crate::splice::apply;
use crate::tree::{Id, Tree};
use crate::{place, template};
use ordinance_manifests::{Manifest, Piece, documents};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How often a piece is drafted, each time without what contradicted something else.
const ROUNDS: usize = 8;

/// A byte order mark.
pub(crate) const MARK: char = '\u{feff}';

/// A text with what could be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amended {
    /// The new text; the old one if nothing was added.
    pub text: String,
    /// The objects that are left as they are, in their order.
    pub left: Vec<Left>,
}

/// An object that is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// As [`Wanted::start`].
    pub start: usize,
    /// Why.
    pub reason: Reason,
}

/// Makes the wanted changes in a text, as far as that is safe.
///
/// Costs what reading the text does, and a few times that for the documents that change.
///
/// # Errors
///
/// If the text has a fault anywhere: nothing is changed then.
pub fn amend(text: &str, wanted: &[Wanted]) -> Result<Amended, Reason> {
    let before = read(text)?;
    let orders = orders(&before, wanted)?;
    let mut amended = Amended { text: String::with_capacity(text.len()), left: Vec::new() };
    let (mut first, mut orders) = (0, &orders[..]);
    for piece in documents(text) {
        let end = piece.offset + piece.text.len();
        let next = first + before[first..].partition_point(|object| object.bytes.start < end);
        let (own, later) = orders.split_at(orders.partition_point(|order| order.object < next));
        let own = own.iter().map(|order| Order { object: order.object - first, ..*order });
        amended.add(&piece, &before[first..next], own.collect());
        (first, orders) = (next, later);
    }
    Ok(amended)
}

fn read(text: &str) -> Result<Vec<Manifest>, Reason> {
    let objects = ordinance_manifests::read(text, "default").into_iter().collect::<Result<_, _>>();
    objects.map_err(|error| Reason::Unreadable(error.to_string()))
}

/// What is wanted, by the object's place among all, and in that order.
fn orders<'w>(objects: &[Manifest], wanted: &'w [Wanted]) -> Result<Vec<Order<'w>>, Reason> {
    let starts = objects.iter().enumerate().rev().map(|(place, object)| (object.bytes.start, place));
    let places: BTreeMap<usize, usize> = starts.collect();
    let order = |wanted: &'w Wanted| {
        let object = places.get(&wanted.start).copied();
        object.map(|object| Order { object, changes: &wanted.changes }).ok_or(Reason::Unverified)
    };
    let mut orders: Vec<Order<'w>> = wanted.iter().map(order).collect::<Result<_, _>>()?;
    orders.sort_by_key(|order| order.object);
    Ok(orders)
}

// === impl Amended ===

impl Amended {
    /// Adds a piece of the text with these objects, changed as far as that is safe.
    fn add(&mut self, piece: &Piece<'_>, before: &[Manifest], orders: Vec<Order<'_>>) {
        if orders.is_empty() {
            return self.text.push_str(piece.text);
        }
        let wanted: Vec<usize> = orders.iter().map(|order| before[order.object].bytes.start).collect();
        match Attempt::new(piece, before).and_then(|attempt| attempt.run(orders)) {
            Ok(Self { text, left }) => {
                self.text.push_str(&text);
                self.left.extend(left);
            }
            Err(reason) => {
                self.text.push_str(piece.text);
                self.left.extend(wanted.into_iter().map(|start| Left { start, reason: reason.clone() }));
            }
        }
    }
}

/// An object in a tree.
#[derive(Clone, Copy, Debug)]
struct Object {
    document: usize,
    node: Id,
}

/// The objects of a text, in the order in which they are read.
fn objects(tree: &Tree<'_>) -> Vec<Object> {
    let mut objects = Vec::new();
    for (document, root) in tree.roots.iter().enumerate() {
        if !tree.node(*root).is_null() {
            flatten(tree, Object { document, node: *root }, &mut objects);
        }
    }
    objects
}

/// Adds an object, or those of a list.
fn flatten(tree: &Tree<'_>, object: Object, objects: &mut Vec<Object>) {
    let node = tree.target(object.node);
    let kind = tree.member(node, "kind").and_then(|kind| tree.scalar(kind));
    let is_list = kind.is_some_and(|kind| kind.ends_with("List"));
    let items = tree.member(node, "items").map(|items| tree.target(items));
    match items.filter(|items| is_list && tree.node(*items).is_sequence()) {
        Some(items) => {
            tree.items(items)
                .iter()
                .for_each(|item| flatten(tree, Object { node: *item, ..object }, objects));
        }
        None => objects.push(object),
    }
}

/// What is wanted of an object.
#[derive(Clone, Copy, Debug)]
struct Order<'w> {
    object: usize,
    changes: &'w [Change],
}

/// Whether changes change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Some,
    None,
}

/// A new text, and the objects that share a part which changes in it.
struct Written {
    text: String,
    repeated: BTreeMap<usize, String>,
}

/// The changes of one piece of a text.
struct Attempt<'a> {
    tree: Tree<'a>,
    /// The byte order mark, if there is one.
    mark: &'a str,
    before: &'a [Manifest],
    objects: Vec<Object>,
    /// By the object's place.
    left: BTreeMap<usize, Reason>,
}

// === impl Attempt ===

impl<'a> Attempt<'a> {
    fn new(piece: &Piece<'a>, before: &'a [Manifest]) -> Result<Self, Reason> {
        let body = piece.text.strip_prefix(MARK).unwrap_or(piece.text);
        let mark = &piece.text[..piece.text.len() - body.len()];
        let tree = Tree::parse(body, usize::try_from(piece.line).unwrap_or(usize::MAX))?;
        let objects = objects(&tree);
        if objects.len() != before.len() {
            return Err(Reason::Unverified);
        }
        Ok(Self { tree, mark, before, objects, left: BTreeMap::new() })
    }

    fn run(mut self, orders: Vec<Order<'_>>) -> Result<Amended, Reason> {
        let mut orders = self.possible(orders);
        loop {
            let written = self.write(&mut orders)?;
            let wrong = self.wrong(&written.text, &orders);
            if wrong.is_empty() {
                return Ok(self.amended(written.text));
            }
            self.give_up(&mut orders, &wrong, &written.repeated);
        }
    }

    fn amended(self, text: String) -> Amended {
        let left =
            |(object, reason): (usize, Reason)| Left { start: self.before[object].bytes.start, reason };
        Amended { text, left: self.left.into_iter().map(left).collect() }
    }

    /// What can be done if nothing else is; the rest is left.
    fn possible<'w>(&mut self, orders: Vec<Order<'w>>) -> Vec<Order<'w>> {
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
        place::splices(&self.tree, &draft).map(|_| Effect::Some)
    }

    fn draft(&self, draft: &mut Draft<'_, '_>, order: Order<'_>) -> Result<(), Reason> {
        let node = self.objects[order.object].node;
        order.changes.iter().try_for_each(|change| draft.apply(order.object, node, change))
    }

    /// What the object is to be.
    fn expected(&self, order: Order<'_>) -> Result<Value, Reason> {
        let mut value = value(&self.before[order.object])?;
        order.changes.iter().try_for_each(|change| change.apply(&mut value))?;
        Ok(value)
    }

    /// Writes all that is wanted. What contradicts what comes before it is left.
    fn write(&mut self, orders: &mut Vec<Order<'_>>) -> Result<Written, Reason> {
        for _ in 0..ROUNDS {
            let mut draft = Draft::new(&self.tree);
            let drafted = orders.iter().map(|order| (order.object, self.draft(&mut draft, *order)));
            let contradictions: BTreeMap<usize, Reason> =
                drafted.filter_map(|(object, drafted)| Some((object, drafted.err()?))).collect();
            if contradictions.is_empty() {
                let text = apply(self.tree.text.all, place::splices(&self.tree, &draft)?);
                let text = format!("{}{}", self.mark, text.ok_or(Reason::Unverified)?);
                return Ok(Written { text, repeated: draft.repeated });
            }
            orders.retain(|order| !contradictions.contains_key(&order.object));
            self.left.extend(contradictions);
        }
        Err(Reason::Unverified)
    }

    /// The objects that a text says something else of than it should; all of them if it can't be read.
    fn wrong(&self, text: &str, orders: &[Order<'_>]) -> BTreeSet<usize> {
        let all = || (0..self.before.len()).collect();
        let Ok(after) = read(text) else { return all() };
        if after.len() != self.before.len() {
            return all();
        }
        let mut wrong: BTreeSet<usize> =
            (0..after.len()).filter(|object| !is_same(&self.before[*object], &after[*object])).collect();
        for order in orders {
            match self.is_as_wanted(*order, &after[order.object]) {
                true => wrong.remove(&order.object),
                false => wrong.insert(order.object),
            };
        }
        wrong
    }

    fn is_as_wanted(&self, order: Order<'_>, after: &Manifest) -> bool {
        self.expected(order).is_ok_and(|expected| value(after).is_ok_and(|after| after == expected))
    }

    /// Leaves the objects that share something in the documents where something is wrong; if none does, all of these.
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

/// Whether an object is what it was, wherever it begins.
fn is_same(one: &Manifest, other: &Manifest) -> bool {
    (&one.scope, &one.json) == (&other.scope, &other.json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone::splices;
    use crate::tree::LOOKS;
    use serde_json::json;

    /// A claim shows nothing of how lists are indented, a set does.
    const OBJECTS: [&str; 2] = [
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: a\nspec: {}\n",
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: a\nspec:\n  a:\n  - b: c\n    d:\n    - e: f\n",
    ];

    fn documents(object: &str, number: usize) -> String {
        vec![object; number].join("---\n")
    }

    /// With a directive nothing is cut.
    fn one_piece(object: &str, number: usize) -> String {
        format!("%YAML 1.2\n---\n{}", documents(object, number))
    }

    fn list(object: &str, number: usize) -> String {
        let item = format!("- {}\n", object.trim_end().replace('\n', "\n  "));
        format!("apiVersion: v1\nkind: List\nitems:\n{}", item.repeat(number))
    }

    fn json(object: &str, number: usize) -> String {
        let object: Value = serde_json::from_str(&read(object).expect("readable")[0].json).expect("JSON");
        json!({"apiVersion": "v1", "kind": "List", "items": vec![object; number]}).to_string()
    }

    fn changes() -> Vec<Change> {
        vec![Change::Add { path: "/metadata/annotations".to_owned(), value: json!({"a": ["b", {"c": "d"}]}) }]
    }

    /// How often nodes are looked at.
    fn looks(run: impl FnOnce()) -> usize {
        LOOKS.set(0);
        run();
        LOOKS.get()
    }

    #[test]
    fn the_work_grows_with_the_text_and_not_with_its_square() {
        for layout in [documents, one_piece, list, json] {
            for object in OBJECTS {
                let looks = |number| {
                    let text = layout(object, number);
                    let starts = read(&text).expect("readable").into_iter().map(|object| object.bytes.start);
                    let wanted: Vec<_> = starts.map(|start| Wanted { start, changes: changes() }).collect();
                    looks(|| assert_eq!(amend(&text, &wanted).expect("readable").left, []))
                };
                let (few, many) = (looks(50), looks(200));
                assert!(many <= 4 * few + few / 2, "{few}, {many}: {}", layout(object, 2));
            }
        }
    }

    #[test]
    fn one_object_costs_the_same_however_many_are_around_it() {
        for layout in [documents, one_piece, list, json] {
            for object in OBJECTS {
                let looks = |number| {
                    let text = layout(object, number);
                    let object = read(&text).expect("readable").pop().expect("an object");
                    looks(|| {
                        assert_eq!(splices(&text, &object, &changes()).map(|splices| splices.len()), Ok(1))
                    })
                };
                assert_eq!(looks(1), looks(50), "{}", layout(object, 2));
            }
        }
    }

    /// One half of the objects that share a list are to get the same element, the others each another.
    fn contradictory(number: usize) -> (String, Vec<Wanted>) {
        let set = "- apiVersion: v1\n  kind: A\n  metadata: {name: a}\n";
        let others = format!("{set}  spec: *s\n").repeat(number - 1);
        let text = format!("kind: List\napiVersion: v1\nitems:\n{set}  spec: &s [a]\n{others}");
        let objects = read(&text).expect("readable").into_iter().enumerate();
        let wanted = objects.map(|(place, object)| {
            let value = place.max(number / 2).into();
            Wanted {
                start: object.bytes.start,
                changes: vec![Change::Add { path: "/spec/-".to_owned(), value }],
            }
        });
        (text, wanted.collect())
    }

    #[test]
    fn many_that_contradict_each_other_are_left_without_trying_each() {
        let looks = |number| {
            let (text, wanted) = contradictory(number);
            looks(|| {
                let amended = amend(&text, &wanted).expect("readable");
                assert_eq!((amended.text == text, amended.left.len()), (true, number));
            })
        };
        let (few, many) = (looks(100), looks(400));
        assert!(many <= 4 * few + few / 2, "{few}, {many}");
    }
}
