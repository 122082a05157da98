//! Objects in JSON text: one value after the other, each passed on byte for byte.

use crate::DEPTH;
use crate::kind::Part;
use ordinance_json::exceeds;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The members that say what an object is, each if it has the type that it should have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow, default)]
    api_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    items: Option<&'a RawValue>,
}

/// The documents, if the text is JSON and nothing else.
pub(crate) fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let json = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !json.trim_start().starts_with('{') || exceeds(json.as_bytes(), DEPTH) {
        return None;
    }
    let values: Vec<&RawValue> =
        serde_json::Deserializer::from_str(json).into_iter().collect::<Result<_, _>>().ok()?;
    let mut places = Places { text, offset: text.len() - json.len(), line: 1, column: 1 };
    Some(values.into_iter().map(|value| places.part(value)).collect())
}

/// Walks through a text once, from each part of it to the next.
struct Places<'t> {
    text: &'t str,
    offset: usize,
    line: u64,
    column: u64,
}

// === impl Places ===

impl<'t> Places<'t> {
    fn part(&mut self, value: &'t RawValue) -> Part<'t> {
        let json = value.get();
        self.go_to(json.as_ptr().addr().saturating_sub(self.text.as_ptr().addr()));
        let (line, column, start) = (self.line, self.column, self.offset);
        let members: Option<Members<'t>> = serde_json::from_str(json).ok();
        let text = |raw: Option<&RawValue>| raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let kind: Option<String> = text(members.as_ref().and_then(|members| members.kind));
        let items = members.as_ref().and_then(|members| members.items);
        let items = items.filter(|_| kind.as_deref().is_some_and(|kind| kind.ends_with("List")));
        let items = items.and_then(|items| serde_json::from_str::<Vec<&RawValue>>(items.get()).ok());
        Part {
            json: json.into(),
            line,
            column,
            bytes: start..start + json.len(),
            api_version: text(members.and_then(|members| members.api_version)),
            kind,
            items: items.map(|items| items.into_iter().map(|item| self.part(item)).collect()),
        }
    }

    fn go_to(&mut self, offset: usize) {
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
