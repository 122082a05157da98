//! Any values, in any layout, with any additions: the new text says what it should, and no line changes that need not.

use ordinance_amend::{Amended, Change, Wanted, amend, splices};
use ordinance_manifests::Manifest;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::fmt::Write;

// --- layouts ---

/// Numbers that look random and are the same for the same seed.
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
    /// No collection in one line but empty ones.
    Block,
    Mixed,
}

/// Writes values in a layout.
struct Writer {
    dice: Dice,
    layout: Layout,
    unit: usize,
    dash: usize,
    gap: usize,
    ending: &'static str,
}

impl Writer {
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

    /// The lines of a collection that is not empty.
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

    /// What stands in the line of a key or a dash, with the end of the line.
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

    /// Parts between brackets, in one line or in one each.
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

// --- changes ---

/// The pointers to all parts of a value below `spec`.
fn pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            pointers(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
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

/// A change of a part of an object, if there is one that suits it.
fn change(object: &Value, dice: &mut Dice, added: &Value) -> Option<Change> {
    let mut found = Vec::new();
    pointers(object.pointer("/spec")?, "/spec", &mut found);
    let path = &found[dice.roll(found.len())];
    let add = |path: String| Some(Change::Add { path, value: added.clone() });
    match object.pointer(path)? {
        Value::Object(_) => add(format!("{path}/new{}", dice.roll(1 << 30))),
        Value::Array(items) => match dice.roll(3) {
            0 => add(format!("{path}/{}", dice.roll(items.len() + 1))),
            _ => add(format!("{path}/-")),
        },
        Value::Null if !path.rsplit('/').next()?.starts_with(|first: char| first.is_ascii_digit()) => {
            add(path.clone())
        }
        Value::String(_) => rewrite(object, path, dice),
        _ => None,
    }
}

fn rewrite(object: &Value, path: &str, dice: &mut Dice) -> Option<Change> {
    let (parent, name) = path.rsplit_once('/')?;
    object.pointer(parent)?.as_object()?;
    let key =
        if dice.roll(2) == 0 { format!("renamed{}", dice.roll(1 << 30)) } else { name.replace("~1", "/") };
    Some(Change::Rewrite { path: path.to_owned(), key, value: "$(POD)/it's".to_owned() })
}

/// Makes the change in a value, by other means than the code under test.
fn made(object: &mut Value, change: &Change) {
    match change {
        Change::Add { path, value } => {
            let patch = json!([{"op": "add", "path": path, "value": value}]);
            json_patch::patch(object, &serde_json::from_value::<json_patch::Patch>(patch).expect("a patch"))
                .expect("applies");
        }
        Change::Rewrite { path, key, value } => {
            let (parent, _) = path.rsplit_once('/').expect("a parent");
            let patch = json!([
                {"op": "remove", "path": path},
                {"op": "add", "path": format!("{parent}/{}", key.replace('/', "~1")), "value": value},
            ]);
            json_patch::patch(object, &serde_json::from_value::<json_patch::Patch>(patch).expect("a patch"))
                .expect("applies");
        }
    }
}

/// The changes of an object and what it becomes by them.
fn changes(object: &Value, dice: &mut Dice, added: &[Value]) -> (Vec<Change>, Value) {
    let mut after = object.clone();
    let mut changes = Vec::new();
    for value in added {
        if let Some(change) = change(&after, dice, value) {
            made(&mut after, &change);
            changes.push(change);
        }
    }
    (changes, after)
}

fn read(text: &str) -> Vec<Value> {
    manifests(text).iter().map(|object| serde_json::from_str(&object.json).expect("JSON")).collect()
}

fn manifests(text: &str) -> Vec<Manifest> {
    ordinance_manifests::read(text, "default").into_iter().collect::<Result<_, _>>().expect("readable")
}

/// A list of objects is a document, or each of them is one.
fn documents(objects: &[Value], in_list: bool) -> Vec<Value> {
    match in_list {
        true => vec![json!({"apiVersion": "v1", "kind": "List", "items": objects})],
        false => objects.to_vec(),
    }
}

/// How many lines of a text are not in another one, in their order.
fn lost(old: &str, new: &str) -> Vec<String> {
    let diff = similar::TextDiff::from_lines(old, new);
    let lost = diff.iter_all_changes().filter(|change| change.tag() == similar::ChangeTag::Delete);
    lost.map(|change| change.value().trim_end_matches(['\r', '\n']).to_owned()).collect()
}

/// Whether a line must change in a layout where each member and element has its own: what says nothing, or is rewritten.
fn gives_way(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or_default().trim_end();
    line.ends_with([':', '-', '~', '}', ']']) || line.ends_with("null")
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_new_text_says_what_it_should_and_no_line_changes_that_need_not(
        objects in prop::collection::vec(object(), 1..4),
        added in prop::collection::vec(prop::collection::vec(value(), 0..4), 1..4),
        layout in layout(),
        seed: u64,
        in_list: bool,
    ) {
        let text = Writer::new(seed, layout).text(&documents(&objects, in_list));
        prop_assert_eq!(&read(&text), &objects, "a fault of the test\n{}", text);

        let mut dice = Dice(seed ^ 1);
        let manifests = manifests(&text);
        let (mut wanted, mut expected) = (Vec::new(), objects.clone());
        for (object, added) in added.iter().enumerate().take(objects.len()) {
            let (changes, after) = changes(&objects[object], &mut dice, added);
            expected[object] = after;
            wanted.push(Wanted { start: manifests[object].bytes.start, changes });
        }
        let Amended { text: new, left } = amend(&text, &wanted).expect("readable");
        prop_assert_eq!(&left, &[], "{}\n{:#?}", text, wanted);
        prop_assert_eq!(&read(&new), &expected, "{}\n{}", text, new);

        let lost = lost(&text, &new);
        let number: usize = wanted.iter().map(|wanted| wanted.changes.len()).sum();
        let rewrites = wanted.iter().flat_map(|wanted| &wanted.changes).filter(|change| matches!(change, Change::Rewrite { .. })).count();
        if layout == Layout::Block {
            let needless = lost.iter().filter(|line| !gives_way(line)).count();
            prop_assert!(needless <= 3 * rewrites + 1, "{:?}\n{}\n{}", lost, text, new);
        }
        prop_assert!(lost.len() <= 4 * number, "{:?}\n{}\n{}", lost, text, new);
    }

    #[test]
    fn what_is_shown_of_an_object_is_what_is_written_if_nothing_else_is(
        objects in prop::collection::vec(object(), 1..4),
        added in prop::collection::vec(value(), 1..4),
        layout in layout(),
        seed: u64,
        in_list: bool,
    ) {
        let text = Writer::new(seed, layout).text(&documents(&objects, in_list));
        for (object, manifest) in objects.iter().zip(manifests(&text)) {
            let (changes, _) = changes(object, &mut Dice(seed ^ 1), &added);
            let shown = splices(&text, &manifest, &changes).expect("it stands by itself");
            let shown = shown.iter().rev().fold(text.clone(), |mut text, splice| {
                text.replace_range(splice.at.clone(), &splice.text);
                text
            });
            let written = amend(&text, &[Wanted { start: manifest.bytes.start, changes }]).expect("readable");
            match in_list {
                // How the list around it is indented is not seen.
                true => prop_assert_eq!(read(&shown), read(&written.text), "{}", text),
                false => prop_assert_eq!(shown, written.text, "{}", text),
            }
        }
    }

    #[test]
    fn a_second_time_there_is_nothing_to_do(
        object in object(),
        added in value(),
        layout in layout(),
        seed: u64,
    ) {
        let text = Writer::new(seed, layout).text(std::slice::from_ref(&object));
        let mut members = Map::new();
        members.insert("new".to_owned(), added);
        let changes = vec![
            Change::Add { path: "/spec/one".to_owned(), value: Value::Object(members) },
            Change::Add { path: "/metadata/annotations".to_owned(), value: json!({"a.b/c": "d"}) },
        ];
        let wanted = [Wanted { start: manifests(&text)[0].bytes.start, changes }];
        let first = amend(&text, &wanted).expect("readable");
        prop_assert_eq!(&first.left, &[]);
        let second = amend(&first.text, &wanted).expect("readable");
        prop_assert_eq!(second, first);
    }
}
