//! Where a field of an object is in the text.

use crate::Manifest;
use crate::yaml::{Cursor, Piece, options};
use granit_parser::{Event, Span};
use serde_json::Value;
use std::ops::Range;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// In bytes.
    pub bytes: Range<usize>,
    /// The line of its beginning, from 1.
    pub line: u64,
    /// The column of its beginning, from 1, in characters.
    pub column: u64,
    /// The line of its end, from 1.
    pub end_line: u64,
    /// The column after its last character, from 1.
    pub end_column: u64,
    /// Whether it is the field itself, and not just a part of the way to it.
    pub is_whole: bool,
}

/// A step from a value to one in it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

/// How far a way could be gone.
struct Way {
    /// From the key of the last step to the end of its value.
    bytes: Range<usize>,
    is_whole: bool,
}

/// The events of one object.
struct Walk<'t> {
    cursor: Cursor<'t>,
}

/// Where a field such as `spec.template.spec.containers[0].env` or `spec.containers[name=web]` is: from its key to the end
/// of its value. Of a field that is not there, the first line of the deepest part of the way to it that is; of the object
/// itself (an empty field) its first line.
///
/// Costs a pass over the object.
pub fn region(text: &str, object: &Manifest, field: &str) -> Region {
    let slice = text.get(object.bytes.clone()).unwrap_or_default();
    // As far from the left as it is in the text, or its first line would not go with the others; in brackets it may.
    let indent = if slice.starts_with('{') { 0 } else { usize::try_from(object.column).unwrap_or(1) - 1 };
    let padded = " ".repeat(indent) + slice;
    let whole = Way { bytes: indent..padded.len(), is_whole: false };
    let way = if field.is_empty() { None } else { Walk::new(&padded).way(&steps(&object.json, field)) };
    let way = way.unwrap_or(whole);
    let found = padded.get(way.bytes.clone()).unwrap_or_default();
    let shown = if way.is_whole { found } else { found.lines().next().unwrap_or_default() }.trim_end();
    let start = object.bytes.start + way.bytes.start.saturating_sub(indent);
    let (line, column) = place(text, object, start);
    let (end_line, end_column) = place(text, object, start + shown.len());
    let is_whole = way.is_whole;
    Region { bytes: start..start + shown.len(), line, column, end_line, end_column, is_whole }
}

/// Line and column of a place in an object.
fn place(text: &str, object: &Manifest, at: usize) -> (u64, u64) {
    let before = text.get(object.bytes.start..at).unwrap_or_default();
    match before.rsplit_once('\n') {
        Some((lines, line)) => {
            let lines = 1 + lines.matches('\n').count() as u64;
            (object.line + lines, 1 + line.chars().count() as u64)
        }
        None => (object.line, object.column + before.chars().count() as u64),
    }
}

/// The steps of a field; of an element that is named by a member of it, its position in the object.
fn steps(json: &str, field: &str) -> Vec<Step> {
    let object: Value =
        if field.contains('=') { serde_json::from_str(json).unwrap_or_default() } else { Value::Null };
    let (mut steps, mut value) = (Vec::new(), Some(&object));
    let mut rest = field;
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((inside, after)) => (bracket(inside, value), after),
            None => {
                let plain = rest.strip_prefix('.').unwrap_or(rest);
                let end = plain.find(['.', '[']).unwrap_or(plain.len());
                let (name, after) = plain.split_at(end);
                // A bracket that nothing closes would never be got over.
                let after = if end == 0 { plain.get(1..).unwrap_or_default() } else { after };
                (Step::Member(name.to_owned()), after)
            }
        };
        value = value.and_then(|value| word.of(value));
        steps.push(word);
        rest = after;
    }
    steps
}

/// What stands in brackets: a position, a member of the element with its value, or a key.
fn bracket(inside: &str, list: Option<&Value>) -> Step {
    if let Ok(position) = inside.parse() {
        return Step::Element(position);
    }
    let named = inside.split_once('=').and_then(|(name, wanted)| {
        let wanted = wanted.trim_matches(['"', '\'']);
        list?.as_array()?.iter().position(|element| element.get(name).and_then(Value::as_str) == Some(wanted))
    });
    named.map_or_else(|| Step::Member(inside.trim_matches(['"', '\'']).to_owned()), Step::Element)
}

// === impl Step ===

impl Step {
    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Member(name) => value.get(name),
            Self::Element(position) => value.get(position),
        }
    }
}

// === impl Walk ===

impl<'t> Walk<'t> {
    fn new(text: &'t str) -> Self {
        let mut options = options();
        // What they stand for is outside of the object.
        options.emit_unresolved_aliases = true;
        Self { cursor: Cursor::new(Piece { text, offset: 0, line: 1 }, options) }
    }

    /// None if the text can't be read.
    fn way(mut self, steps: &[Step]) -> Option<Way> {
        while let Some((event, span)) = self.next() {
            if event.is_node() {
                return self.descend((event, span), start(&span), steps);
            }
        }
        None
    }

    fn next(&mut self) -> Option<(Event<'t>, Span)> {
        self.cursor.next().ok().flatten()
    }

    fn descend(&mut self, (event, span): (Event<'t>, Span), from: usize, steps: &[Step]) -> Option<Way> {
        let Some((step, rest)) = steps.split_first() else {
            let end = self.skip(&event, &span)?;
            return Some(Way { bytes: from..end, is_whole: true });
        };
        let inner = match (step, &event) {
            (Step::Member(name), Event::MappingStart(..)) => self.member(name)?,
            (Step::Element(position), Event::SequenceStart(..)) => self.element(*position)?,
            _ => None,
        };
        match inner {
            Some((node, from)) => self.descend(node, from, rest),
            None => Some(Way { bytes: from..self.cursor.text().len(), is_whole: false }),
        }
    }

    /// The value of a member, and where its key begins.
    fn member(&mut self, name: &str) -> Option<Option<((Event<'t>, Span), usize)>> {
        loop {
            let (key, span) = self.next()?;
            if matches!(key, Event::MappingEnd) {
                return Some(None);
            }
            let is_it = key.scalar().is_some_and(|(text, _)| text == name);
            self.skip(&key, &span)?;
            let value = self.next()?;
            if is_it {
                return Some(Some((value, start(&span))));
            }
            self.skip(&value.0, &value.1)?;
        }
    }

    /// An element, and where it begins.
    fn element(&mut self, position: usize) -> Option<Option<((Event<'t>, Span), usize)>> {
        for _ in 0..position {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Some(None);
            }
            self.skip(&event, &span)?;
        }
        let node = self.next()?;
        let from = start(&node.1);
        Some((!matches!(node.0, Event::SequenceEnd)).then_some((node, from)))
    }

    /// Goes to the end of a value that has begun; where that is.
    fn skip(&mut self, event: &Event<'t>, span: &Span) -> Option<usize> {
        let mut end = self.cursor.end(event, span).or(span.end.byte_offset())?;
        let mut depth = usize::from(opens(event));
        while depth > 0 {
            let (event, span) = self.next()?;
            end = self.cursor.end(&event, &span).unwrap_or(end);
            depth += usize::from(opens(&event));
            depth -= usize::from(matches!(event, Event::MappingEnd | Event::SequenceEnd));
        }
        Some(end)
    }
}

fn opens(event: &Event<'_>) -> bool {
    matches!(event, Event::MappingStart(..) | Event::SequenceStart(..))
}

fn start(span: &Span) -> usize {
    span.start.byte_offset().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    const SET: &str = "# a set\nkind: StatefulSet\napiVersion: apps/v1\nspec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n      - name: é\n        volumeMounts: [{name: a, mountPath: /a}, {name: b,\n          mountPath: /b}]\n      - name: web\n        env:\n        - name: X\n          value: |\n            a\n            b\n      volumes: []\n";

    fn shown(text: &str, field: &str) -> (String, (u64, u64), (u64, u64)) {
        let objects = read(text, "default");
        let object = objects.last().and_then(|object| object.as_ref().ok()).expect("an object");
        let region = region(text, object, field);
        let part = text.get(region.bytes.clone()).expect("a part of the text").to_owned();
        (part, (region.line, region.column), (region.end_line, region.end_column))
    }

    #[test]
    fn finds_a_field_from_its_key_to_the_end_of_its_value() {
        assert_eq!(shown(SET, "spec.replicas"), ("replicas: 2".to_owned(), (5, 3), (5, 14)));
        assert_eq!(
            shown(SET, "spec.template.spec.containers[0].volumeMounts[1]"),
            ("{name: b,\n          mountPath: /b}".to_owned(), (10, 50), (11, 25))
        );
        assert_eq!(
            shown(SET, "spec.template.spec.containers[name=web].env[0].value"),
            ("value: |\n            a\n            b".to_owned(), (15, 11), (17, 14))
        );
        assert_eq!(shown(SET, "spec.template.spec.volumes"), ("volumes: []".to_owned(), (18, 7), (18, 18)));
    }

    #[test]
    fn shows_how_far_the_way_to_a_field_goes_that_is_not_there() {
        for field in
            ["spec.template.spec.containers[1].volumeMounts[0]", "spec.template.spec.containers[1].x.y"]
        {
            assert_eq!(shown(SET, field), ("name: web".to_owned(), (12, 9), (12, 18)), "{field}");
        }
        assert_eq!(shown(SET, "spec.template.spec.containers[7]").0, "containers:");
        assert_eq!(shown(SET, "spec.replicas.x").0, "replicas: 2");
        assert_eq!(shown(SET, "").0, "kind: StatefulSet");
        assert_eq!(shown(SET, "nothing[").0, "kind: StatefulSet");
    }

    #[test]
    fn finds_fields_of_the_elements_of_lists() {
        let item = "- apiVersion: v1\n  kind: PersistentVolume\n  spec:\n    nfs: {path: *p}\n";
        let text = format!("\u{feff}apiVersion: v1\nkind: List\nx: &p /srv\nitems:\n{item}");
        assert_eq!(shown(&text, "spec.nfs.path"), ("path: *p".to_owned(), (8, 11), (8, 19)));
        let text = "{\"kind\": \"List\", \"items\": [\n\t{\"kind\": \"Pod\", \"apiVersion\": \"v1\",\n\t\t\"a\": {\"b\": [1, 2]}}]}";
        assert_eq!(shown(text, "a.b[1]"), ("2".to_owned(), (3, 18), (3, 19)));
        assert_eq!(shown(text, "a"), ("\"a\": {\"b\": [1, 2]}".to_owned(), (3, 3), (3, 21)));
    }

    #[test]
    fn a_byte_order_mark_is_no_character() {
        for text in
            ["\u{feff}kind: Pod\napiVersion: v1", "\u{feff}{\"kind\": \"Pod\", \"apiVersion\": \"v1\"}"]
        {
            assert_eq!(shown(text, "").1, (1, 1), "{text}");
        }
    }

    #[test]
    fn counts_columns_of_objects_that_follow_in_a_line() {
        let text = "{\"kind\":\"List\",\"é\":1,\"items\":[{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"ü\":1,\"x\":2}]}";
        assert_eq!(shown(text, "x"), ("\"x\":2".to_owned(), (1, 69), (1, 74)));
    }

    #[test]
    fn a_value_that_is_left_out_ends_with_its_colon() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: # none\nspec:\n";
        assert_eq!(shown(text, "metadata.labels").0, "labels:");
        assert_eq!(shown(text, "metadata").0, "metadata:\n  labels:");
        assert_eq!(shown(text, "spec").0, "spec:");
    }

    #[test]
    fn finds_keys_with_dots_in_brackets() {
        let text = "kind: Pod\napiVersion: v1\nmetadata:\n  annotations:\n    a.b/c: x\r\n";
        assert_eq!(shown(text, "metadata.annotations[a.b/c]").0, "a.b/c: x");
    }

    #[test]
    fn an_object_that_stands_in_no_text_is_somewhere() {
        let object = crate::parse(r#"{"kind":"Pod","apiVersion":"v1"}"#, 3, "").expect("an object");
        assert_eq!(region("", &object, "spec").line, 3);
    }
}
