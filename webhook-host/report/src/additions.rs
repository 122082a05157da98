//! A patch as text that is added to a file: what a person would have written there.
//!
//! It is for showing. A field that is there already, e.g. as null, is shown as replaced.

use crate::Judgement;
use ordinance_manifests::{Region, region};
use serde_json::Value;
use std::cmp::Reverse;
use std::ops::Range;

/// A text in the place of another, which is often empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// In bytes of the file.
    pub bytes: Range<usize>,
    /// What stands there then.
    pub text: String,
    /// How far from the left it begins, if it has lines of its own.
    indent: usize,
}

/// What a judgement's patch adds to the text, if all of it can be shown; in the order of the text.
pub fn additions(judgement: &Judgement<'_>) -> Option<Vec<Addition>> {
    let object: Value = serde_json::from_str(&judgement.object.json).ok()?;
    let additions = judgement.patch.iter().map(|operation| addition(judgement, &object, operation));
    let mut additions: Vec<Addition> = additions.collect::<Option<_>>()?;
    // What ends at one place ends from the inside to the outside.
    additions.sort_by_key(|addition| (addition.bytes.start, Reverse(addition.indent)));
    separate(&mut additions);
    Some(additions)
}

/// Of several that go into empty brackets, all but the first come after another.
fn separate(additions: &mut [Addition]) {
    let mut before = None;
    for addition in additions {
        let bytes = addition.bytes.clone();
        if before.as_ref() == Some(&bytes) && bytes.is_empty() && !addition.text.starts_with([',', '\n']) {
            addition.text.insert_str(0, ", ");
        }
        before = Some(bytes);
    }
}

fn addition(judgement: &Judgement<'_>, object: &Value, operation: &Value) -> Option<Addition> {
    let path = operation.get("path")?.as_str()?;
    let value = operation.get("value").filter(|_| operation["op"] == "add")?;
    let (parent, last) = path.rsplit_once('/')?;
    let last = unescaped(last);
    let field = field(object, parent)?;
    let within = region(judgement.text, judgement.object, &field);
    let within = if field.is_empty() {
        Region { is_whole: true, bytes: judgement.object.bytes.clone(), ..within }
    } else {
        within
    };
    if !within.is_whole {
        return None;
    }
    if object.pointer(parent)?.is_array() {
        return (last == "-").then(|| Addition::after(judgement.text, &within, None, value));
    }
    let there = region(judgement.text, judgement.object, &joined(&field, &last));
    if there.is_whole {
        return Some(Addition { bytes: there.bytes, text: flow(Some(&last), value), indent: 0 });
    }
    Some(Addition::after(judgement.text, &within, Some(&last), value))
}

/// A JSON pointer as a field.
fn field(object: &Value, pointer: &str) -> Option<String> {
    let (mut field, mut value) = (String::new(), object);
    for token in pointer.split('/').skip(1) {
        let name = unescaped(token);
        (field, value) = match value {
            Value::Array(list) => (format!("{field}[{name}]"), list.get(name.parse::<usize>().ok()?)?),
            _ => (joined(&field, &name), value.get(&name)?),
        };
    }
    Some(field)
}

/// A token of a JSON pointer as the name that it stands for (RFC 6901).
fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

fn joined(field: &str, name: &str) -> String {
    if name.contains(['.', '[', ']', '/']) {
        format!("{field}[{name}]")
    } else if field.is_empty() {
        name.to_owned()
    } else {
        format!("{field}.{name}")
    }
}

/// On one line, as in JSON.
fn flow(name: Option<&str>, value: &Value) -> String {
    match name {
        Some(name) => format!("{}: {value}", Value::from(name)),
        None => value.to_string(),
    }
}

/// On lines of its own, so far from the left.
fn block(name: Option<&str>, value: &Value, indent: usize) -> String {
    let wrapped = match name {
        Some(name) => Value::Object([(name.to_owned(), value.clone())].into_iter().collect()),
        None => Value::Array(vec![value.clone()]),
    };
    let yaml = serde_saphyr::to_string(&wrapped).unwrap_or_else(|_| flow(name, value));
    yaml.trim_end().lines().map(|line| format!("\n{:indent$}{line}", "")).collect()
}

// === impl Addition ===

impl Addition {
    /// After all that is in a collection.
    fn after(text: &str, within: &Region, name: Option<&str>, value: &Value) -> Self {
        let own = text.get(within.value..within.bytes.end).unwrap_or_default();
        if own.starts_with(['{', '[']) && own.ends_with(['}', ']']) {
            let inner = own.get(1..own.len() - 1).unwrap_or_default();
            let separator = if inner.trim().is_empty() { "" } else { ", " };
            let at = within.value + 1 + inner.trim_end().len();
            return Self { bytes: at..at, text: format!("{separator}{}", flow(name, value)), indent: 0 };
        }
        let line = text.get(..within.value).unwrap_or_default();
        let indent = line
            .rsplit_once('\n')
            .map_or(line, |(_, line)| line)
            .trim_start_matches('\u{feff}')
            .chars()
            .count();
        Self { bytes: within.bytes.end..within.bytes.end, text: block(name, value, indent), indent }
    }
}
