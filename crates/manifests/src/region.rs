//! Finds a field of an object in the text.
//!
//! Kubernetes has no parser for its field paths, and JSONPath crates find values without spans.

use crate::manifest::Manifest;
use crate::yaml::{Chunk, Cursor, options};
use granit_parser::{Event, Span};
use serde_json::Value;
use std::ops::Range;

/// The part of a text that shows a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Offsets in the text.
    pub bytes: Range<usize>,
    /// The first line, from 1.
    pub line: u64,
    /// The column of the first character, from 1, in characters.
    pub column: u64,
    /// The last line, from 1.
    pub end_line: u64,
    /// The column after the last character, from 1, in characters.
    pub end_column: u64,
    /// Whether the field itself is shown, and not the deepest of its parents that exists.
    pub is_whole: bool,
}

/// A step of a field path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum FieldStep {
    Member(String),
    Element(usize),
}

/// The deepest value on a field path that exists.
struct Match {
    /// From its key to its end.
    bytes: Range<usize>,
    is_whole: bool,
}

/// Follows a field path through the events of an object.
struct FieldSearch<'t> {
    cursor: Cursor<'t>,
}

/// Finds a field such as `spec.template.spec.containers[0].env` or `spec.containers[name=web]`: from its key to the end
/// of its value.
///
/// For a field that does not exist, returns the first line of its deepest parent that exists; for the object itself (an
/// empty field), its first line. Costs one pass over the object.
pub fn region(text: &str, object: &Manifest, field: &str) -> Region {
    let slice = text.get(object.bytes.clone()).unwrap_or_default();
    // The first line needs the indentation of the others; within brackets any will do.
    let indent = if slice.starts_with('{') { 0 } else { usize::try_from(object.column).unwrap_or(1) - 1 };
    let padded = " ".repeat(indent) + slice;
    let whole = Match { bytes: indent..padded.len(), is_whole: false };
    let found =
        if field.is_empty() { None } else { FieldSearch::new(&padded).search(&steps(&object.json, field)) };
    let found = found.unwrap_or(whole);
    let written = padded.get(found.bytes.clone()).unwrap_or_default();
    let shown = if found.is_whole { written } else { written.lines().next().unwrap_or_default() }.trim_end();
    let start = object.bytes.start + found.bytes.start.saturating_sub(indent);
    let (line, column) = position(text, object, start);
    let (end_line, end_column) = position(text, object, start + shown.len());
    let is_whole = found.is_whole;
    Region { bytes: start..start + shown.len(), line, column, end_line, end_column, is_whole }
}

/// Line and column of an offset in an object.
fn position(text: &str, object: &Manifest, at: usize) -> (u64, u64) {
    let before = text.get(object.bytes.start..at).unwrap_or_default();
    match before.rsplit_once('\n') {
        Some((lines, line)) => {
            let lines = 1 + lines.matches('\n').count() as u64;
            (object.line + lines, 1 + line.chars().count() as u64)
        }
        None => (object.line, object.column + before.chars().count() as u64),
    }
}

/// Parses a field path. An element that is named by a member, such as `[name=web]`, becomes its index in the object.
fn steps(json: &str, field: &str) -> Vec<FieldStep> {
    let object: Value =
        if field.contains('=') { serde_json::from_str(json).unwrap_or_default() } else { Value::Null };
    let (mut steps, mut value) = (Vec::new(), Some(&object));
    let mut rest = field;
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((inside, after)) => (bracket(inside, value), after),
            None => {
                let plain = rest.strip_prefix('.').unwrap_or(rest);
                let end = plain.find(['.', '[']).unwrap_or(plain.len());
                let (name, after) = plain.split_at(end);
                // Skips an unclosed bracket, which is not part of a name.
                let after = if end == 0 { plain.get(1..).unwrap_or_default() } else { after };
                (FieldStep::Member(name.to_owned()), after)
            }
        };
        value = value.and_then(|value| step.of(value));
        steps.push(step);
        rest = after;
    }
    steps
}

/// The step in brackets: an index, a member of the element with its value, or a key.
fn bracket(inside: &str, list: Option<&Value>) -> FieldStep {
    if let Ok(position) = inside.parse() {
        return FieldStep::Element(position);
    }
    let named = inside.split_once('=').and_then(|(name, wanted)| {
        let wanted = wanted.trim_matches(['"', '\'']);
        list?.as_array()?.iter().position(|element| element.get(name).and_then(Value::as_str) == Some(wanted))
    });
    named.map_or_else(|| FieldStep::Member(inside.trim_matches(['"', '\'']).to_owned()), FieldStep::Element)
}

// === impl FieldStep ===

impl FieldStep {
    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Member(name) => value.get(name),
            Self::Element(position) => value.get(position),
        }
    }
}

// === impl FieldSearch ===

impl<'t> FieldSearch<'t> {
    fn new(text: &'t str) -> Self {
        let mut options = options();
        // The anchors may be outside the object.
        options.emit_unresolved_aliases = true;
        Self { cursor: Cursor::new(Chunk { text, offset: 0, line: 1 }, options) }
    }

    /// Returns the match, or `None` if the text cannot be read.
    fn search(mut self, steps: &[FieldStep]) -> Option<Match> {
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

    fn descend(
        &mut self,
        (event, span): (Event<'t>, Span),
        from: usize,
        steps: &[FieldStep],
    ) -> Option<Match> {
        let Some((step, rest)) = steps.split_first() else {
            let end = self.skip(&event, &span)?;
            return Some(Match { bytes: from..end, is_whole: true });
        };
        let inner = match (step, &event) {
            (FieldStep::Member(name), Event::MappingStart(..)) => self.member(name)?,
            (FieldStep::Element(position), Event::SequenceStart(..)) => self.element(*position)?,
            _ => None,
        };
        match inner {
            Some((node, from)) => self.descend(node, from, rest),
            None => Some(Match { bytes: from..self.cursor.text().len(), is_whole: false }),
        }
    }

    /// The value of a member and the start of its key, or an inner `None` if there is no such member.
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

    /// An element and its start, or an inner `None` if the list is shorter.
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

    /// Skips the rest of a value. Returns its end.
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
    fn finds_the_deepest_existing_parent_of_a_missing_field() {
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
    fn finds_fields_of_objects_in_lists() {
        let item = "- apiVersion: v1\n  kind: PersistentVolume\n  spec:\n    nfs: {path: *p}\n";
        let text = format!("\u{feff}apiVersion: v1\nkind: List\nx: &p /srv\nitems:\n{item}");
        assert_eq!(shown(&text, "spec.nfs.path"), ("path: *p".to_owned(), (8, 11), (8, 19)));
        let text = "{\"kind\": \"List\", \"items\": [\n\t{\"kind\": \"Pod\", \"apiVersion\": \"v1\",\n\t\t\"a\": {\"b\": [1, 2]}}]}";
        assert_eq!(shown(text, "a.b[1]"), ("2".to_owned(), (3, 18), (3, 19)));
        assert_eq!(shown(text, "a"), ("\"a\": {\"b\": [1, 2]}".to_owned(), (3, 3), (3, 21)));
    }

    #[test]
    fn a_byte_order_mark_does_not_count_as_a_column() {
        for text in
            ["\u{feff}kind: Pod\napiVersion: v1", "\u{feff}{\"kind\": \"Pod\", \"apiVersion\": \"v1\"}"]
        {
            assert_eq!(shown(text, "").1, (1, 1), "{text}");
        }
    }

    #[test]
    fn counts_columns_of_several_objects_in_a_line() {
        let text = "{\"kind\":\"List\",\"é\":1,\"items\":[{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"ü\":1,\"x\":2}]}";
        assert_eq!(shown(text, "x"), ("\"x\":2".to_owned(), (1, 69), (1, 74)));
    }

    #[test]
    fn an_omitted_value_ends_with_its_colon() {
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
    fn an_object_without_a_text_has_its_own_line() {
        let object = crate::parse(r#"{"kind":"Pod","apiVersion":"v1"}"#, 3, "").expect("an object");
        assert_eq!(region("", &object, "spec").line, 3);
    }
}
