//! The documents of a chunk, each written as JSON while its events are read.
//!
//! Only the JSON of one document and of its anchors is kept. The bytes that aliases repeat are limited, so that no text
//! becomes much larger as JSON than it is as YAML.

use super::chunk::Chunk;
use super::cursor::{Cursor, byte_offset, options};
use super::keys::Keys;
use super::quote::quote;
use super::scalar;
use crate::kind::DocumentPart;
use crate::manifest::{DEPTH, KindFilter, ManifestError, ReadObjects};
use granit_parser::{Event, ScalarStyle, Span};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// The maximum of JSON that the anchors and aliases of one document stand for, in bytes.
const REPEATED_BYTES: usize = 16 * 1024 * 1024;

/// Writes document after document as JSON.
pub(super) struct Documents<'t> {
    cursor: Cursor<'t>,
    /// Of the current document.
    json: String,
    /// The JSON of each anchor in the current document.
    anchors: HashMap<usize, String>,
    /// The bytes that anchors and aliases stand for in the current document.
    repeated: usize,
    /// Where the last value ends in the chunk.
    end: usize,
}

/// An event with its span.
type Node<'t> = (Event<'t>, Span);

/// A document, or an element of a list, in the JSON and in the text.
struct ObjectSpan {
    json: Range<usize>,
    line: u64,
    column: u64,
    bytes: Range<usize>,
    api_version: Option<String>,
    kind: Option<String>,
    items: Option<Vec<ObjectSpan>>,
}

/// The only value of a text, without anchors.
pub(super) struct SoleValue {
    json: String,
    span: ObjectSpan,
}

/// Which spans are recorded while a value is written.
enum SpanRecording<'p> {
    None,
    /// The kind of an object, and the elements of its `items`.
    Object(&'p mut ObjectSpan),
    /// The elements of a list, as objects.
    Items(&'p mut Option<Vec<ObjectSpan>>),
}

// === impl ObjectSpan ===

impl ObjectSpan {
    /// Begins the span of a value whose JSON starts at an offset.
    fn new(json: usize, cursor: &Cursor<'_>, span: &Span) -> Self {
        let start = byte_offset(&span.start);
        Self {
            json: json..json,
            line: cursor.line_of(span.start.line()),
            column: span.start.col() as u64 + 1,
            bytes: start..start,
            api_version: None,
            kind: None,
            items: None,
        }
    }

    fn part<'j>(&self, json: &'j str) -> DocumentPart<'j> {
        DocumentPart {
            json: json.get(self.json.clone()).unwrap_or_default().into(),
            line: self.line,
            column: self.column,
            bytes: self.bytes.clone(),
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            items: self.items.as_ref().map(|items| items.iter().map(|item| item.part(json)).collect()),
        }
    }
}

// === impl SoleValue ===

impl SoleValue {
    pub(super) fn json(&self) -> &str {
        &self.json
    }

    pub(super) fn api_version(&self) -> Option<String> {
        self.span.api_version.clone()
    }

    pub(super) fn kind(&self) -> Option<String> {
        self.span.kind.clone()
    }

    pub(super) fn document_part(&self) -> DocumentPart<'_> {
        self.span.part(&self.json)
    }
}

// === impl SpanRecording ===

impl<'p> SpanRecording<'p> {
    /// The recording of a member's value.
    fn of_member(&mut self, name: &str) -> SpanRecording<'_> {
        match self {
            Self::Object(object) if name == "items" => SpanRecording::Items(&mut object.items),
            _ => SpanRecording::None,
        }
    }

    /// Records a member that was written.
    fn record(&mut self, name: &str, json: &str) {
        let Self::Object(object) = self else { return };
        match name {
            "apiVersion" => object.api_version = serde_json::from_str(json).ok(),
            "kind" => object.kind = serde_json::from_str(json).ok(),
            _ => {}
        }
    }
}

// === impl Documents ===

impl<'t> Documents<'t> {
    pub(super) fn new(chunk: Chunk<'t>) -> Self {
        Self {
            cursor: Cursor::new(chunk, options()),
            json: String::new(),
            anchors: HashMap::new(),
            repeated: 0,
            end: 0,
        }
    }

    /// Reads all objects of the wanted kinds.
    pub(super) fn read(mut self, namespace: &str, wanted: KindFilter<'_>) -> ReadObjects {
        let mut found = ReadObjects::default();
        let mut goes_on = true;
        while goes_on {
            match self.document() {
                Ok(Some(object)) => object.part(&self.json).collect(namespace, wanted, &mut found),
                Ok(None) => goes_on = false,
                Err(error) => {
                    found.objects.push(Err(error));
                    goes_on = self.recover(&mut found);
                }
            }
        }
        found
    }

    /// Returns the first document as JSON.
    pub(super) fn first_json(mut self) -> Option<String> {
        self.document().ok().flatten().map(|_| self.json)
    }

    /// Returns the only value of the text if it is a mapping, and if nothing is wrong.
    pub(super) fn sole_mapping(mut self) -> Option<SoleValue> {
        let span = self.document().ok().flatten()?;
        self.sole_value(span).filter(|value| value.json.starts_with('{'))
    }

    /// Returns the only value of the text if it is a sequence, and if nothing is wrong. Its elements are read as the items of a list.
    pub(super) fn sole_sequence(mut self) -> Option<SoleValue> {
        let root = self.root().ok().flatten()?;
        let mut span = ObjectSpan::new(0, &self.cursor, &root.1);
        // In the list, the items stand one level deeper.
        self.value(root, 1, SpanRecording::Items(&mut span.items)).ok()?;
        self.sole_value(span).filter(|value| value.json.starts_with('['))
    }

    /// Returns a value that was written if nothing follows it.
    fn sole_value(mut self, span: ObjectSpan) -> Option<SoleValue> {
        let is_sole = self.anchors.is_empty() && self.root().ok()?.is_none();
        is_sole.then_some(SoleValue { json: self.json, span })
    }

    /// Skips the rest of a broken document. Returns whether another one follows.
    fn recover(&mut self, found: &mut ReadObjects) -> bool {
        self.cursor.skip_document().unwrap_or_else(|error| {
            found.objects.push(Err(error));
            false
        })
    }

    /// Writes the next document that is not null.
    fn document(&mut self) -> Result<Option<ObjectSpan>, ManifestError> {
        while let Some(root) = self.root()? {
            self.json.clear();
            self.anchors.clear();
            self.repeated = 0;
            let object = self.object(root, 0)?;
            if self.json != "null" {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }

    /// Returns the root node of the next document.
    fn root(&mut self) -> Result<Option<Node<'t>>, ManifestError> {
        while let Some((event, _)) = self.cursor.next()? {
            if matches!(event, Event::DocumentStart(..)) {
                return self.cursor.next_in_document().map(Some);
            }
        }
        Ok(None)
    }

    /// Writes a value that may be an object.
    fn object(&mut self, node: Node<'t>, depth: usize) -> Result<ObjectSpan, ManifestError> {
        let start = byte_offset(&node.1.start);
        let mut object = ObjectSpan::new(self.json.len(), &self.cursor, &node.1);
        self.value(node, depth, SpanRecording::Object(&mut object))?;
        object.json.end = self.json.len();
        object.bytes = self.cursor.range(start, self.end);
        Ok(object)
    }

    fn value(
        &mut self,
        (event, span): Node<'t>,
        depth: usize,
        recording: SpanRecording<'_>,
    ) -> Result<(), ManifestError> {
        let from = self.json.len();
        self.record_end(&event, &span);
        let anchor = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref().map(|tag| tag.core_suffix().unwrap_or_default());
                scalar::write(&mut self.json, &text, style, tag)
                    .map_err(|error| self.cursor.error(&span, error))?;
                anchor
            }
            Event::Alias(id) => {
                self.repeat(id, &span)?;
                0
            }
            _ if depth == DEPTH => {
                return Err(self.cursor.error(&span, format!("nests deeper than {DEPTH} levels")));
            }
            Event::SequenceStart(_, anchor, _) => {
                self.sequence(depth + 1, recording)?;
                anchor
            }
            Event::MappingStart(_, anchor, _) => {
                self.mapping(depth + 1, recording)?;
                anchor
            }
            _ => return Err(self.cursor.error(&span, "expected a value")),
        };
        if anchor == 0 { Ok(()) } else { self.remember(anchor, from, &span) }
    }

    /// Records where a value ends.
    fn record_end(&mut self, event: &Event<'_>, span: &Span) {
        self.end = self.cursor.end(event, span).unwrap_or(self.end);
    }

    fn sequence(&mut self, depth: usize, recording: SpanRecording<'_>) -> Result<(), ManifestError> {
        let mut objects = Vec::new();
        self.json.push('[');
        loop {
            let next = self.cursor.next_in_document()?;
            if matches!(next.0, Event::SequenceEnd) {
                self.record_end(&next.0, &next.1);
                break;
            }
            self.separate('[');
            match recording {
                SpanRecording::Items(_) => objects.push(self.object(next, depth)?),
                _ => self.value(next, depth, SpanRecording::None)?,
            }
        }
        self.json.push(']');
        if let SpanRecording::Items(items) = recording {
            *items = Some(objects);
        }
        Ok(())
    }

    fn mapping(&mut self, depth: usize, mut recording: SpanRecording<'_>) -> Result<(), ManifestError> {
        let (mut keys, mut merged) = (Keys::default(), Vec::new());
        self.json.push('{');
        loop {
            let next = self.cursor.next_in_document()?;
            if matches!(next.0, Event::MappingEnd) {
                self.record_end(&next.0, &next.1);
                break;
            }
            if is_merge(&next.0) {
                merged.push(self.merged(depth)?);
                continue;
            }
            let name = self.key(next, &mut keys)?;
            let (from, node) = (self.json.len(), self.cursor.next_in_document()?);
            self.value(node, depth, recording.of_member(&name))?;
            recording.record(&name, self.json.get(from..).unwrap_or_default());
        }
        for (json, span) in merged {
            self.merge(&json, &span, &mut keys)?;
        }
        self.json.push('}');
        Ok(())
    }

    /// Writes a comma, except after the opening bracket.
    fn separate(&mut self, opening: char) {
        if !self.json.ends_with(opening) {
            self.json.push(',');
        }
    }

    /// Writes a key and its colon. Returns the key.
    fn key(&mut self, (event, span): Node<'t>, keys: &mut Keys) -> Result<Cow<'t, str>, ManifestError> {
        self.record_end(&event, &span);
        let (text, anchor) = match event {
            Event::Scalar(text, _, anchor, _) => (text, anchor),
            Event::Alias(id) => (self.key_of(id).ok_or_else(|| self.not_a_key(&span))?.into(), 0),
            _ => return Err(self.not_a_key(&span)),
        };
        self.separate('{');
        let from = self.json.len();
        quote(&mut self.json, &text);
        if !keys.add(&self.json, from..self.json.len()) {
            return Err(self.cursor.error(&span, format!("the key {text:?} is there twice")));
        }
        if anchor != 0 {
            self.remember(anchor, from, &span)?;
        }
        self.json.push(':');
        Ok(text)
    }

    fn not_a_key(&self, span: &Span) -> ManifestError {
        self.cursor.error(span, "a key has to be a text")
    }

    /// The text of the scalar with an anchor.
    fn key_of(&self, id: usize) -> Option<String> {
        let json = self.anchors.get(&id)?;
        serde_json::from_str(json).ok().or_else(|| (!json.starts_with(['{', '['])).then(|| json.clone()))
    }

    // --- anchors ---

    fn remember(&mut self, anchor: usize, from: usize, span: &Span) -> Result<(), ManifestError> {
        let json = self.json.get(from..).unwrap_or_default().to_owned();
        self.count(json.len(), span)?;
        self.anchors.insert(anchor, json);
        Ok(())
    }

    fn repeat(&mut self, anchor: usize, span: &Span) -> Result<(), ManifestError> {
        let Some(json) = self.anchors.get(&anchor) else {
            return Err(self.cursor.error(span, "an alias refers to a value that it is a part of"));
        };
        self.json.push_str(json);
        self.count(json.len(), span)
    }

    fn count(&mut self, bytes: usize, span: &Span) -> Result<(), ManifestError> {
        self.repeated += bytes;
        if self.repeated > REPEATED_BYTES {
            let limit = format!("anchors and aliases stand for more than {REPEATED_BYTES} bytes");
            return Err(self.cursor.error(span, limit));
        }
        Ok(())
    }

    // --- merge keys ---

    /// Reads the value of a merge key; its JSON is not part of the output.
    fn merged(&mut self, depth: usize) -> Result<(String, Span), ManifestError> {
        let (from, node) = (self.json.len(), self.cursor.next_in_document()?);
        let span = node.1;
        self.value(node, depth, SpanRecording::None)?;
        Ok((self.json.split_off(from), span))
    }

    /// Writes the members of a mapping, or of several, whose keys are not there yet.
    fn merge(&mut self, json: &str, span: &Span, keys: &mut Keys) -> Result<(), ManifestError> {
        let mappings: Vec<&RawValue> = match json.starts_with('[') {
            true => serde_json::from_str(json).unwrap_or_default(),
            false => serde_json::from_str(json).into_iter().collect(),
        };
        for mapping in mappings {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(mapping.get())
                .map_err(|_| self.cursor.error(span, "only mappings can be merged into a mapping"))?;
            members.iter().for_each(|(name, value)| self.add_missing(name, value.get(), keys));
        }
        Ok(())
    }

    fn add_missing(&mut self, name: &str, value: &str, keys: &mut Keys) {
        let mut key = String::new();
        quote(&mut key, name);
        if keys.contains(&self.json, &key) {
            return;
        }
        self.separate('{');
        let from = self.json.len();
        self.json.push_str(&key);
        keys.add(&self.json, from..self.json.len());
        self.json.push(':');
        self.json.push_str(value);
    }
}

fn is_merge(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<")
}
