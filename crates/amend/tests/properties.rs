//! Any values in any layout with any patch: the new text has the patched objects, and no other line changes.

use json_patch::jsonptr::Token;
use ordinance_amend::{AmendedText, FieldChange, ObjectChanges, amend, splices};
use ordinance_manifests::Manifest;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::fmt::Write;

// --- layouts ---

/// A generator of pseudorandom numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

/// How a text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Json,
    PrettyJson,
    /// Only empty collections are in flow style.
    Block,
    Mixed,
}

/// Writes values in a layout.
struct YamlWriter {
    dice: Dice,
    layout: Layout,
    unit: usize,
    dash: usize,
    gap: usize,
    ending: &'static str,
}

impl YamlWriter {
    fn new(seed: u64, layout: Layout) -> Self {
        let mut dice = Dice(seed);
        let (unit, gap) = ([2, 3, 4][dice.roll(3)], [2, 2, 4][dice.roll(3)]);
        let dash = [0, 2, unit][dice.roll(3)];
        let ending = ["\n", "\n", "\r\n"][dice.roll(3)];
        Self { dice, layout, unit, dash, gap, ending }
    }

    fn text(&mut self, documents: &[Value]) -> String {
        let bom = self.dice.pick(&["", "", "\u{feff}"]);
        let mut text = String::from(bom);
        for (place, document) in documents.iter().enumerate() {
            let is_json = matches!(self.layout, Layout::Json | Layout::PrettyJson);
            if !is_json && (place > 0 || self.dice.roll(2) == 0) {
                let marker = self.dice.pick(&["---\n", "--- # next\n", "# one\n---\n"]);
                text.push_str(if place > 0 { marker } else { "---\n" });
            }
            match self.layout {
                Layout::Json => writeln!(text, "{document}").expect("written"),
                Layout::PrettyJson => writeln!(text, "{document:#}").expect("written"),
                _ => text.push_str(&self.block(document, 0)),
            }
        }
        if self.dice.roll(3) == 0 {
            text.truncate(text.trim_end_matches('\n').len());
        }
        text.replace('\n', self.ending)
    }

    /// The lines of a filled collection.
    fn block(&mut self, value: &Value, column: usize) -> String {
        match value {
            Value::Object(members) => {
                members.iter().map(|(key, value)| self.member(key, value, column)).collect()
            }
            Value::Array(items) => items.iter().map(|item| self.item(item, column)).collect(),
            _ => unreachable!("a single value has no lines"),
        }
    }

    fn member(&mut self, key: &str, value: &Value, column: usize) -> String {
        let (comment, key) = (self.comment_above(column), self.key(key));
        let key = format!("{comment}{}{key}:", " ".repeat(column));
        let below = if value.is_array() { column + self.dash } else { column + self.unit };
        match self.is_block(value) {
            true => format!("{key}{}\n{}", self.comment(), self.block(value, below)),
            false => format!("{key}{}", self.single(value, column)),
        }
    }

    fn item(&mut self, value: &Value, column: usize) -> String {
        let comment = self.comment_above(column);
        let dash = format!("{comment}{}-", " ".repeat(column));
        if !self.is_block(value) {
            return format!("{dash}{}", self.single(value, column));
        }
        let lines = self.block(value, column + self.gap);
        match lines.starts_with('\n') || lines.trim_start().starts_with('#') {
            true => format!("{dash}\n{lines}"),
            false => format!("{dash}{}", &lines[column + 1..]),
        }
    }

    fn is_block(&mut self, value: &Value) -> bool {
        let is_filled = match value {
            Value::Object(members) => !members.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => false,
        };
        is_filled && (self.layout == Layout::Block || self.dice.roll(4) > 0)
    }

    fn key(&mut self, key: &str) -> String {
        match self.dice.roll(6) {
            0 => format!("\"{key}\""),
            1 => format!("'{key}'"),
            _ => key.to_owned(),
        }
    }

    /// The rest of the line of a key or a dash, with the line ending; a block scalar with its lines.
    fn single(&mut self, value: &Value, column: usize) -> String {
        if let Value::String(text) = value
            && self.dice.roll(4) == 0
            && !text.is_empty()
            && text.chars().all(char::is_alphanumeric)
        {
            let header = self.dice.pick(&[" |-", " >-", " |- # as it is"]);
            let lost = self.dice.pick(&["", "", "\n", "\n\n"]);
            return format!("{header}\n{}{text}\n{lost}", " ".repeat(column + self.unit));
        }
        if value.is_null() && self.dice.roll(2) == 0 {
            return format!("{}\n", self.comment());
        }
        let space = self.dice.pick(&[" ", " ", "  "]);
        let flow = self.flow(value, column);
        format!("{space}{flow}{}\n", self.comment())
    }

    fn flow(&mut self, value: &Value, column: usize) -> String {
        match value {
            Value::Object(members) => {
                let parts = members
                    .iter()
                    .map(|(key, value)| format!("{}: {}", self.key(key), self.flow(value, column + 2)));
                let parts = parts.collect();
                self.bracketed(('{', '}'), parts, column)
            }
            Value::Array(items) => {
                let parts = items.iter().map(|item| self.flow(item, column + 2)).collect();
                self.bracketed(('[', ']'), parts, column)
            }
            Value::String(text) => self.quoted(text),
            Value::Null => self.dice.pick(&["null", "~"]).to_owned(),
            other => other.to_string(),
        }
    }

    fn quoted(&mut self, text: &str) -> String {
        let is_plain = text.starts_with(char::is_alphabetic) && text.chars().all(char::is_alphanumeric);
        match self.dice.roll(3) {
            0 if is_plain
                && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
                    .contains(&&*text.to_ascii_lowercase()) =>
            {
                text.to_owned()
            }
            1 if !text.contains(['\n', '\t']) => format!("'{}'", text.replace('\'', "''")),
            _ => Value::from(text).to_string(),
        }
    }

    /// Parts between brackets, in one line or in lines of their own.
    fn bracketed(&mut self, (open, close): (char, char), parts: Vec<String>, column: usize) -> String {
        let pad = self.dice.pick(&["", " "]);
        if parts.is_empty() || self.dice.roll(2) == 0 {
            return format!("{open}{pad}{}{pad}{close}", parts.join(", "));
        }
        let (inner, outer) = (" ".repeat(column + 3), " ".repeat(column + 1));
        let last = parts.len() - 1;
        let mut text = format!("{open}{}\n", self.comment());
        for (place, part) in parts.iter().enumerate() {
            let comma = if place < last { "," } else { self.dice.pick(&["", "", ","]) };
            writeln!(text, "{inner}{part}{comma}{}", self.comment()).expect("written");
        }
        format!("{text}{outer}{close}")
    }

    fn comment(&mut self) -> &'static str {
        self.dice.pick(&["", "", "", "", " # a: {b, [c", "   #"])
    }

    fn comment_above(&mut self, column: usize) -> String {
        let indentation = " ".repeat(column);
        match self.dice.roll(8) {
            0 => format!("{indentation}# - x: y, # z\n"),
            1 => "\n".to_owned(),
            _ => String::new(),
        }
    }
}

// --- values ---

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-m][a-z]{0,5}", 1 => Just("null-ish".to_owned()), 1 => Just("a.b/c".to_owned())]
}

fn single() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => "[a-z]{1,8}".prop_map(Value::from),
        2 => "[ -~äß\n\t]{0,9}".prop_map(Value::from),
        1 => prop::sample::select(&["yes", "1", "null", "- a", "a: b", " x", "#", "{{ $x }}", ""][..]).prop_map(Value::from),
        1 => any::<i32>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    single().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    let spec = prop::collection::btree_map(name(), value(), 1..4);
    spec.prop_map(
        |spec| json!({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": spec}),
    )
}

fn layout() -> impl Strategy<Value = Layout> {
    prop::sample::select(&[Layout::Json, Layout::PrettyJson, Layout::Block, Layout::Mixed, Layout::Mixed][..])
}

// --- patches ---

/// The pointers to all parts of a value.
fn pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            pointers(value, &format!("{pointer}/{}", Token::new(key).encoded()), found);
        }),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| pointers(item, &format!("{pointer}/{index}"), found));
        }
        _ => {}
    }
}

/// Which operations a patch may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operations {
    /// `add`, and `remove` with `add` of a string.
    AddAndRewrite,
    All,
}

/// Operations on a part of an object; empty if none suits the part.
fn operations(object: &Value, dice: &mut Dice, added: &Value, kinds: Operations) -> Vec<Value> {
    let Some(spec) = object.pointer("/spec") else { return Vec::new() };
    let mut found = Vec::new();
    pointers(spec, "/spec", &mut found);
    let path = &found[dice.roll(found.len())];
    match dice.roll(4) {
        0 if kinds == Operations::All => vec![json!({"op": "replace", "path": path, "value": added})],
        1 if kinds == Operations::All && path != "/spec" => vec![json!({"op": "remove", "path": path})],
        _ => additions(object, path, dice, added),
    }
}

fn additions(object: &Value, path: &str, dice: &mut Dice, added: &Value) -> Vec<Value> {
    let add = |path: String| vec![json!({"op": "add", "path": path, "value": added})];
    match object.pointer(path) {
        Some(Value::Object(_)) => add(format!("{path}/new{}", dice.roll(1 << 30))),
        Some(Value::Array(items)) => match dice.roll(3) {
            0 => add(format!("{path}/{}", dice.roll(items.len() + 1))),
            _ => add(format!("{path}/-")),
        },
        Some(Value::Null) if !is_element(object, path) => add(path.to_owned()),
        Some(Value::String(_)) if !is_element(object, path) => rewrite(path, dice),
        _ => Vec::new(),
    }
}

fn is_element(object: &Value, path: &str) -> bool {
    path.rsplit_once('/').and_then(|(parent, _)| object.pointer(parent)).is_some_and(Value::is_array)
}

/// Removes a member and adds one of the same or another name, in either order.
fn rewrite(path: &str, dice: &mut Dice) -> Vec<Value> {
    let (parent, name) = path.rsplit_once('/').expect("a parent");
    let key = if dice.roll(2) == 0 { format!("renamed{}", dice.roll(1 << 30)) } else { name.to_owned() };
    let mut operations = vec![
        json!({"op": "remove", "path": path}),
        json!({"op": "add", "path": format!("{parent}/{key}"), "value": "$(POD)/it's"}),
    ];
    if key != name && dice.roll(2) == 0 {
        operations.reverse();
    }
    operations
}

/// A patch of an object, and the patched object.
fn patch(object: &Value, dice: &mut Dice, added: &[Value], kinds: Operations) -> (Vec<Value>, Value) {
    let (mut patch, mut after) = (Vec::new(), object.clone());
    for value in added {
        let operations = operations(&after, dice, value, kinds);
        let parsed: json_patch::Patch =
            serde_json::from_value(Value::from(operations.clone())).expect("a patch");
        json_patch::patch(&mut after, &parsed).expect("a patch that fits");
        patch.extend(operations);
    }
    (patch, after)
}

fn changes(object: &Value, dice: &mut Dice, added: &[Value], kinds: Operations) -> (Vec<FieldChange>, Value) {
    let (patch, after) = patch(object, dice, added, kinds);
    (FieldChange::from_patch(&patch).expect("supported operations"), after)
}

/// The changes of all objects of a text, and the patched objects.
fn requested(
    text: &str,
    objects: &[Value],
    added: &[Vec<Value>],
    (dice, kinds): (&mut Dice, Operations),
) -> (Vec<ObjectChanges>, Vec<Value>) {
    let manifests = manifests(text);
    let (mut requested, mut expected) = (Vec::new(), objects.to_vec());
    for (object, added) in added.iter().enumerate().take(objects.len()) {
        let (changes, after) = changes(&objects[object], dice, added, kinds);
        expected[object] = after;
        requested.push(ObjectChanges { start: manifests[object].bytes.start, changes });
    }
    (requested, expected)
}

fn read(text: &str) -> Vec<Value> {
    manifests(text).iter().map(|object| serde_json::from_str(&object.json).expect("JSON")).collect()
}

fn manifests(text: &str) -> Vec<Manifest> {
    ordinance_manifests::read(text, "default").into_iter().collect::<Result<_, _>>().expect("readable")
}

/// The documents of a text: one list of the objects, or one for each.
fn documents(objects: &[Value], in_list: bool) -> Vec<Value> {
    match in_list {
        true => vec![json!({"apiVersion": "v1", "kind": "List", "items": objects})],
        false => objects.to_vec(),
    }
}

/// The lines of a text that another one does not have.
fn lost(old: &str, new: &str) -> Vec<String> {
    let diff = similar::TextDiff::from_lines(old, new);
    let lost = diff.iter_all_changes().filter(|change| change.tag() == similar::ChangeTag::Delete);
    lost.map(|change| change.value().trim_end_matches(['\r', '\n']).to_owned()).collect()
}

/// Whether an addition may change a line in block layout: an empty value, or a dash.
fn gives_way(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or_default().trim_end();
    line.ends_with([':', '-', '~', '}', ']']) || line.ends_with("null")
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn additions_give_the_patched_object_and_change_no_other_line(
        objects in prop::collection::vec(object(), 1..4),
        added in prop::collection::vec(prop::collection::vec(value(), 0..4), 1..4),
        layout in layout(),
        seed: u64,
        in_list: bool,
    ) {
        let text = YamlWriter::new(seed, layout).text(&documents(&objects, in_list));
        prop_assert_eq!(&read(&text), &objects, "the test wrote another object\n{}", text);

        let dice = (&mut Dice(seed ^ 1), Operations::AddAndRewrite);
        let (requested, expected) = requested(&text, &objects, &added, dice);
        let AmendedText { text: new, unchanged } = amend(&text, &requested).expect("readable");
        prop_assert_eq!(&unchanged, &[], "{}\n{:#?}", text, requested);
        prop_assert_eq!(&read(&new), &expected, "{}\n{}", text, new);

        let lost = lost(&text, &new);
        let changes = || requested.iter().flat_map(|requested| &requested.changes);
        let rewrites = changes().filter(|change| matches!(change, FieldChange::Rewrite { .. })).count();
        if layout == Layout::Block {
            let needless = lost.iter().filter(|line| !gives_way(line)).count();
            // An element before the first one of a nested list takes over its line; the last line may get a line
            // ending.
            let inserts_first = |change: &&FieldChange| matches!(change, FieldChange::Add { path, .. } if path.ends_with("/0"));
            let moved = changes().filter(inserts_first).count();
            prop_assert!(needless <= 3 * rewrites + moved + 1, "{:?}\n{}\n{}", lost, text, new);
        }
        prop_assert!(lost.len() <= 4 * changes().count(), "{:?}\n{}\n{}", lost, text, new);
    }

    #[test]
    fn any_patch_gives_the_patched_object(
        objects in prop::collection::vec(object(), 1..4),
        added in prop::collection::vec(prop::collection::vec(value(), 0..6), 1..4),
        layout in layout(),
        seed: u64,
        in_list: bool,
    ) {
        let text = YamlWriter::new(seed, layout).text(&documents(&objects, in_list));
        let dice = (&mut Dice(seed ^ 1), Operations::All);
        let (requested, expected) = requested(&text, &objects, &added, dice);
        let AmendedText { text: new, unchanged } = amend(&text, &requested).expect("readable");
        prop_assert_eq!(&unchanged, &[], "{}\n{:#?}", text, requested);
        prop_assert_eq!(&read(&new), &expected, "{}\n{}", text, new);
    }

    #[test]
    fn the_edits_of_one_object_are_those_that_amend_makes(
        objects in prop::collection::vec(object(), 1..4),
        added in prop::collection::vec(value(), 1..4),
        layout in layout(),
        seed: u64,
        in_list: bool,
    ) {
        let text = YamlWriter::new(seed, layout).text(&documents(&objects, in_list));
        for (object, manifest) in objects.iter().zip(manifests(&text)) {
            let (changes, after) = changes(object, &mut Dice(seed ^ 1), &added, Operations::All);
            let shown = splices(&text, &manifest, &changes).expect("the object is independent");
            let shown = shown.iter().rev().fold(text.clone(), |mut text, splice| {
                text.replace_range(splice.at.clone(), &splice.text);
                text
            });
            let written = amend(&text, &[ObjectChanges { start: manifest.bytes.start, changes }]).expect("readable");
            match in_list || after == *object {
                // `splices` does not consider the indentation of a list around the object, or that a patch has no
                // effect.
                true => prop_assert_eq!(read(&shown), read(&written.text), "{}", text),
                false => prop_assert_eq!(shown, written.text, "{}", text),
            }
        }
    }

    #[test]
    fn amending_twice_changes_nothing_more(
        object in object(),
        added in value(),
        layout in layout(),
        seed: u64,
    ) {
        let text = YamlWriter::new(seed, layout).text(std::slice::from_ref(&object));
        let mut members = Map::new();
        members.insert("new".to_owned(), added);
        let changes = vec![
            FieldChange::Add { path: "/spec/one".to_owned(), value: Value::Object(members) },
            FieldChange::Add { path: "/metadata/annotations".to_owned(), value: json!({"a.b/c": "d"}) },
        ];
        let wanted = [ObjectChanges { start: manifests(&text)[0].bytes.start, changes }];
        let first = amend(&text, &wanted).expect("readable");
        prop_assert_eq!(&first.unchanged, &[]);
        let second = amend(&first.text, &wanted).expect("readable");
        prop_assert_eq!(second, first);
    }
}
