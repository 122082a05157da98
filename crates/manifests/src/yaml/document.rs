//! The documents of one piece of text, each written as JSON while its events pass by.
//!
//! What is kept is the JSON of one document, and of its anchors. What aliases repeat is counted, so that no text is much
//! larger as JSON than as YAML.

use super::keys::Keys;
use super::{Piece, quote, scalar};
use crate::kind::Part;
use crate::{DEPTH, Found, Unreadable, Wanted};
use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Bytes of JSON that the anchors and aliases of one document may stand for.
const REPEATED_BYTES: usize = 16 * 1024 * 1024;

/// What people forget.
const RENDER: &str = "; a template has to be rendered first, e.g. by `helm template`";

/// How deep the parser may look.
const SCANNED: usize = 16 * DEPTH;

/// The parser of a piece, which counts from the beginning of the whole text.
pub(crate) struct Cursor<'t> {
    parser: Parser<'t, StrInput<'t>>,
    piece: Piece<'t>,
}

/// Writes document after document.
pub(super) struct Documents<'t> {
    cursor: Cursor<'t>,
    /// Of the document that is read.
    json: String,
    anchors: HashMap<usize, String>,
    repeated: usize,
    /// Where the last value ended, in bytes of the piece.
    end: usize,
}

/// An event and where it is.
type Node<'t> = (Event<'t>, Span);

/// Where a document, or an element of a list, is in the JSON and in the text.
struct Place {
    json: Range<usize>,
    line: u64,
    column: u64,
    bytes: Range<usize>,
    api_version: Option<String>,
    kind: Option<String>,
    items: Option<Vec<Place>>,
}

/// What is wanted of a value besides its JSON.
enum Role<'p> {
    /// Nothing.
    Value,
    /// Its kind, and the elements of its `items`.
    Object(&'p mut Place),
    /// Its elements as objects.
    Items(&'p mut Option<Vec<Place>>),
}

/// How YAML is parsed. How deep it nests is counted where it is read: the parser looks ahead, and may see more.
pub(crate) fn options() -> Options {
    let mut options = granit_parser::options! { flow_nesting_limit: SCANNED, block_nesting_limit: SCANNED };
    options.set_emit_comments(false);
    options
}

// === impl Cursor ===

impl<'t> Cursor<'t> {
    pub(crate) fn new(piece: Piece<'t>, options: Options) -> Self {
        Self { parser: Parser::new_from_str_with_options(piece.text, options), piece }
    }

    /// The next event; none at the end of the text.
    pub(crate) fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Unreadable> {
        match self.parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => Ok(None),
            Some(Ok(next)) => Ok(Some(next)),
            Some(Err(error)) => Err(self.syntax(&error)),
        }
    }

    /// Goes on with the next document, whatever is left of this one. Whether there is one.
    fn skip_document(&mut self) -> Result<bool, Unreadable> {
        self.parser.proceed_next_document().map_err(|error| self.syntax(&error))
    }

    fn syntax(&self, error: &ScanError) -> Unreadable {
        self.at(error.marker(), error.info())
    }

    pub(crate) fn fault(&self, span: &Span, message: impl Into<String>) -> Unreadable {
        self.at(&span.start, message.into())
    }

    fn at(&self, mark: &Marker, message: String) -> Unreadable {
        Unreadable {
            line: self.line_of(mark.line()),
            column: mark.col() as u64 + 1,
            message: if self.is_template(mark) { message + RENDER } else { message },
        }
    }

    /// Whether a line looks as if something had to be filled in.
    fn is_template(&self, mark: &Marker) -> bool {
        let (before, after) = self.piece.text.split_at_checked(byte(mark)).unwrap_or_default();
        let before = before.rsplit('\n').next().unwrap_or_default();
        let after = after.split('\n').next().unwrap_or_default();
        before.contains("{{") || after.contains("{{") || before.ends_with('{') && after.starts_with('{')
    }

    /// A place in the whole text; line ends and spaces at its end do not belong to it.
    fn place(&self, start: usize, end: usize) -> Range<usize> {
        let text = self.piece.text.get(start..end).unwrap_or_default().trim_end();
        self.piece.offset + start..self.piece.offset + start + text.len()
    }

    /// Where a value ends that an event is, or is the end of; none of a collection in block style, which ends with its last
    /// value. A value that is left out ends with the colon before it.
    pub(crate) fn end(&self, event: &Event<'_>, span: &Span) -> Option<usize> {
        let (start, end) = (byte(&span.start), byte(&span.end));
        let rest = self.piece.text.get(start..).unwrap_or_default();
        match event {
            _ if start < end => Some(end),
            Event::Scalar(..) => Some(start + usize::from(rest.starts_with(':'))),
            _ => None,
        }
    }

    /// The text of the piece.
    pub(crate) fn text(&self) -> &'t str {
        self.piece.text
    }

    fn line_of(&self, line: usize) -> u64 {
        self.piece.line + (line as u64).saturating_sub(1)
    }
}

// === impl Place ===

impl Place {
    fn part<'j>(&self, json: &'j str) -> Part<'j> {
        Part {
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

// === impl Role ===

impl<'p> Role<'p> {
    /// What is wanted of a member.
    fn of_member(&mut self, name: &str) -> Role<'_> {
        match self {
            Self::Object(place) if name == "items" => Role::Items(&mut place.items),
            _ => Role::Value,
        }
    }

    /// Takes note of a member that was read.
    fn see(&mut self, name: &str, json: &str) {
        let Self::Object(place) = self else { return };
        match name {
            "apiVersion" => place.api_version = serde_json::from_str(json).ok(),
            "kind" => place.kind = serde_json::from_str(json).ok(),
            _ => {}
        }
    }
}

// === impl Documents ===

impl<'t> Documents<'t> {
    pub(super) fn new(piece: Piece<'t>) -> Self {
        Self {
            cursor: Cursor::new(piece, options()),
            json: String::new(),
            anchors: HashMap::new(),
            repeated: 0,
            end: 0,
        }
    }

    /// All of them, sorted by whether they are wanted.
    pub(super) fn read(mut self, namespace: &str, wanted: Wanted<'_>) -> Found {
        let mut found = Found::default();
        let mut goes_on = true;
        while goes_on {
            match self.document() {
                Ok(Some(place)) => place.part(&self.json).sort(namespace, wanted, &mut found),
                Ok(None) => goes_on = false,
                Err(error) => {
                    found.objects.push(Err(error));
                    goes_on = self.recover(&mut found);
                }
            }
        }
        found
    }

    /// Whether there is another document after a fault.
    fn recover(&mut self, found: &mut Found) -> bool {
        self.cursor.skip_document().unwrap_or_else(|error| {
            found.objects.push(Err(error));
            false
        })
    }

    /// The next document that is not null.
    fn document(&mut self) -> Result<Option<Place>, Unreadable> {
        while let Some((event, _)) = self.cursor.next()? {
            if !matches!(event, Event::DocumentStart(..)) {
                continue;
            }
            self.json.clear();
            self.anchors.clear();
            self.repeated = 0;
            let root = self.node()?;
            let place = self.object(root, 0)?;
            if self.json != "null" {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// A value that may be an object.
    fn object(&mut self, node: Node<'t>, depth: usize) -> Result<Place, Unreadable> {
        let span = node.1;
        let (from, start) = (self.json.len(), byte(&span.start));
        let mut place = Place {
            json: from..from,
            line: self.cursor.line_of(span.start.line()),
            column: span.start.col() as u64 + 1,
            bytes: start..start,
            api_version: None,
            kind: None,
            items: None,
        };
        self.value(node, depth, Role::Object(&mut place))?;
        place.json.end = self.json.len();
        place.bytes = self.cursor.place(start, self.end);
        Ok(place)
    }

    fn node(&mut self) -> Result<Node<'t>, Unreadable> {
        self.cursor.next()?.ok_or_else(|| Unreadable {
            line: self.cursor.piece.line,
            column: 1,
            message: "the text ends in the middle of a document".to_owned(),
        })
    }

    fn value(&mut self, (event, span): Node<'t>, depth: usize, role: Role<'_>) -> Result<(), Unreadable> {
        let from = self.json.len();
        self.ends(&event, &span);
        let anchor = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref().map(|tag| tag.core_suffix().unwrap_or_default());
                scalar::write(&mut self.json, &text, style, tag)
                    .map_err(|error| self.cursor.fault(&span, error))?;
                anchor
            }
            Event::Alias(id) => {
                self.repeat(id, &span)?;
                0
            }
            _ if depth == DEPTH => {
                return Err(self.cursor.fault(&span, format!("nests deeper than {DEPTH} levels")));
            }
            Event::SequenceStart(_, anchor, _) => {
                self.sequence(depth + 1, role)?;
                anchor
            }
            Event::MappingStart(_, anchor, _) => {
                self.mapping(depth + 1, role)?;
                anchor
            }
            _ => return Err(self.cursor.fault(&span, "a value belongs here")),
        };
        if anchor == 0 { Ok(()) } else { self.remember(anchor, from, &span) }
    }

    /// Takes note of where a value ends.
    fn ends(&mut self, event: &Event<'_>, span: &Span) {
        self.end = self.cursor.end(event, span).unwrap_or(self.end);
    }

    fn sequence(&mut self, depth: usize, role: Role<'_>) -> Result<(), Unreadable> {
        let mut places = Vec::new();
        self.json.push('[');
        loop {
            let next = self.node()?;
            if matches!(next.0, Event::SequenceEnd) {
                self.ends(&next.0, &next.1);
                break;
            }
            self.separate('[');
            match role {
                Role::Items(_) => places.push(self.object(next, depth)?),
                _ => self.value(next, depth, Role::Value)?,
            }
        }
        self.json.push(']');
        if let Role::Items(items) = role {
            *items = Some(places);
        }
        Ok(())
    }

    fn mapping(&mut self, depth: usize, mut role: Role<'_>) -> Result<(), Unreadable> {
        let (mut keys, mut merged) = (Keys::default(), Vec::new());
        self.json.push('{');
        loop {
            let next = self.node()?;
            if matches!(next.0, Event::MappingEnd) {
                self.ends(&next.0, &next.1);
                break;
            }
            if is_merge(&next.0) {
                merged.push(self.merged(depth)?);
                continue;
            }
            let name = self.key(next, &mut keys)?;
            let (from, node) = (self.json.len(), self.node()?);
            self.value(node, depth, role.of_member(&name))?;
            role.see(&name, self.json.get(from..).unwrap_or_default());
        }
        for (json, span) in merged {
            self.merge(&json, &span, &mut keys)?;
        }
        self.json.push('}');
        Ok(())
    }

    /// A comma, unless it would be the first in its brackets.
    fn separate(&mut self, opening: char) {
        if !self.json.ends_with(opening) {
            self.json.push(',');
        }
    }

    /// Writes a key and its colon.
    fn key(&mut self, (event, span): Node<'t>, keys: &mut Keys) -> Result<Cow<'t, str>, Unreadable> {
        self.ends(&event, &span);
        let (text, anchor) = match event {
            Event::Scalar(text, _, anchor, _) => (text, anchor),
            Event::Alias(id) => (self.key_of(id).ok_or_else(|| self.no_key(&span))?.into(), 0),
            _ => return Err(self.no_key(&span)),
        };
        self.separate('{');
        let from = self.json.len();
        quote(&mut self.json, &text);
        if !keys.add(&self.json, from..self.json.len()) {
            return Err(self.cursor.fault(&span, format!("the key {text:?} is there twice")));
        }
        if anchor != 0 {
            self.remember(anchor, from, &span)?;
        }
        self.json.push(':');
        Ok(text)
    }

    fn no_key(&self, span: &Span) -> Unreadable {
        self.cursor.fault(span, "a key has to be a text")
    }

    /// The text of a scalar that has an anchor.
    fn key_of(&self, id: usize) -> Option<String> {
        let json = self.anchors.get(&id)?;
        serde_json::from_str(json).ok().or_else(|| (!json.starts_with(['{', '['])).then(|| json.clone()))
    }

    // --- anchors ---

    fn remember(&mut self, anchor: usize, from: usize, span: &Span) -> Result<(), Unreadable> {
        let json = self.json.get(from..).unwrap_or_default().to_owned();
        self.count(json.len(), span)?;
        self.anchors.insert(anchor, json);
        Ok(())
    }

    fn repeat(&mut self, anchor: usize, span: &Span) -> Result<(), Unreadable> {
        let Some(json) = self.anchors.get(&anchor) else {
            return Err(self.cursor.fault(span, "an alias of what it is a part of"));
        };
        self.json.push_str(json);
        self.count(json.len(), span)
    }

    fn count(&mut self, bytes: usize, span: &Span) -> Result<(), Unreadable> {
        self.repeated += bytes;
        if self.repeated > REPEATED_BYTES {
            let limit = format!("anchors and aliases stand for more than {REPEATED_BYTES} bytes");
            return Err(self.cursor.fault(span, limit));
        }
        Ok(())
    }

    // --- merge keys ---

    /// The value of a merge key, taken out of the JSON again.
    fn merged(&mut self, depth: usize) -> Result<(String, Span), Unreadable> {
        let (from, node) = (self.json.len(), self.node()?);
        let span = node.1;
        self.value(node, depth, Role::Value)?;
        Ok((self.json.split_off(from), span))
    }

    /// Adds the members of a mapping, or of several, that are not there yet.
    fn merge(&mut self, json: &str, span: &Span, keys: &mut Keys) -> Result<(), Unreadable> {
        let mappings: Vec<&RawValue> = match json.starts_with('[') {
            true => serde_json::from_str(json).unwrap_or_default(),
            false => serde_json::from_str(json).into_iter().collect(),
        };
        for mapping in mappings {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(mapping.get())
                .map_err(|_| self.cursor.fault(span, "only mappings can be merged into a mapping"))?;
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

fn byte(marker: &Marker) -> usize {
    marker.byte_offset().unwrap_or_default()
}

fn is_merge(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<")
}
