//! Objects in JSON text: one value after the other, each kept byte for byte.

use crate::kind::{DocumentPart, is_list_kind};
use crate::manifest::{BYTE_ORDER_MARK, DEPTH};
use ordinance_json::exceeds;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The members that identify an object. A member of another type is read as absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectMembers<'a> {
    #[serde(borrow, default)]
    api_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    items: Option<&'a RawValue>,
}

/// Returns the documents of a text, or `None` if it is not JSON throughout.
pub(crate) fn parts(text: &str) -> Option<Vec<DocumentPart<'_>>> {
    let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if !json.trim_start().starts_with('{') || exceeds(json.as_bytes(), DEPTH) {
        return None;
    }
    let values: Vec<&RawValue> =
        serde_json::Deserializer::from_str(json).into_iter().collect::<Result<_, _>>().ok()?;
    let mut positions = Positions { text, offset: text.len() - json.len(), line: 1, column: 1 };
    Some(values.into_iter().map(|value| positions.part(value)).collect())
}

/// Tracks line and column from each value to the next, in one pass over the text.
struct Positions<'t> {
    text: &'t str,
    offset: usize,
    line: u64,
    column: u64,
}

// === impl Positions ===

impl<'t> Positions<'t> {
    fn part(&mut self, value: &'t RawValue) -> DocumentPart<'t> {
        let json = value.get();
        self.advance_to(json.as_ptr().addr().saturating_sub(self.text.as_ptr().addr()));
        let (line, column, start) = (self.line, self.column, self.offset);
        let members: Option<ObjectMembers<'t>> = serde_json::from_str(json).ok();
        let text = |raw: Option<&RawValue>| raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let kind: Option<String> = text(members.as_ref().and_then(|members| members.kind));
        let items = members.as_ref().and_then(|members| members.items);
        let items = items.filter(|_| kind.as_deref().is_some_and(is_list_kind));
        let items = items.and_then(|items| serde_json::from_str::<Vec<&RawValue>>(items.get()).ok());
        DocumentPart {
            json: json.into(),
            line,
            column,
            bytes: start..start + json.len(),
            api_version: text(members.and_then(|members| members.api_version)),
            kind,
            items: items.map(|items| items.into_iter().map(|item| self.part(item)).collect()),
        }
    }

    fn advance_to(&mut self, offset: usize) {
        let passed = self.text.get(self.offset..offset).unwrap_or_default();
        let line = passed.rfind('\n').map(|end| passed.split_at(end + 1));
        let (lines, line) = line.unwrap_or(("", passed));
        if !lines.is_empty() {
            self.line += lines.matches('\n').count() as u64;
            self.column = 1;
        }
        self.column += line.chars().count() as u64;
        self.offset = offset;
    }
}
