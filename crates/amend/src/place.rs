//! From what is to be written to where it is: the splices of a draft.

use crate::block;
use crate::draft::{Draft, Slot};
use crate::flow::{self, Added};
use crate::lines;
use crate::reason::Reason;
use crate::scalar::{Quotes, text_like, written};
use crate::splice::Splice;
use crate::tree::{Id, Kind, Tree};
use granit_parser::ScalarStyle;
use serde_json::Value;

/// The splices of all changes in the order of the text; of two additions at one place what is deeper comes first.
pub(crate) fn splices(tree: &Tree<'_>, draft: &Draft<'_, '_>) -> Result<Vec<Splice>, Reason> {
    let mut splices = Vec::new();
    for id in draft.changed().into_iter().rev() {
        splices.append(&mut of_node(tree, draft, id)?);
    }
    splices.sort_by_key(|splice| splice.at.start);
    Ok(splices)
}

fn of_node(tree: &Tree<'_>, draft: &Draft<'_, '_>, id: Id) -> Result<Vec<Splice>, Reason> {
    if let Some(value) = draft.values.get(&id) {
        return replace(tree, id, value);
    }
    if let Some(name) = draft.names.get(&id) {
        return Ok(vec![rename(tree, id, name)]);
    }
    if let Some(members) = draft.members.get(&id) {
        return add_members(tree, id, members);
    }
    match draft.slots.get(&id) {
        Some(slots) => add_items(tree, id, slots),
        None => Ok(Vec::new()),
    }
}

// --- new members and elements ---

fn add_members(tree: &Tree<'_>, id: Id, members: &[(String, Value)]) -> Result<Vec<Splice>, Reason> {
    if tree.node(id).is_block() {
        return Ok(vec![block::members(tree, id, members)?]);
    }
    if let Some(place) = replaceable(tree, id) {
        return unfold(tree, id, place, &Value::Object(members.iter().cloned().collect()));
    }
    let added: Vec<_> = members.iter().map(|(key, value)| Added { key: Some(key), value }).collect();
    flow::append(tree, id, tree.entries(id).len(), &added)
}

fn add_items(tree: &Tree<'_>, id: Id, slots: &[Slot]) -> Result<Vec<Splice>, Reason> {
    if let Some(place) = replaceable(tree, id) {
        let items = runs(slots).into_iter().flat_map(|(_, items)| items.into_iter().cloned());
        return unfold(tree, id, place, &Value::Array(items.collect()));
    }
    let mut splices = Vec::new();
    for (place, values) in runs(slots) {
        if tree.node(id).is_block() {
            splices.push(block::items(tree, id, place, &values)?);
        } else {
            let added: Vec<_> = values.iter().map(|value| Added { key: None, value }).collect();
            splices.append(&mut flow::append(tree, id, place, &added)?);
        }
    }
    Ok(splices)
}

/// New elements that follow each other, with the number of old ones before them.
fn runs(slots: &[Slot]) -> Vec<(usize, Vec<&Value>)> {
    let mut runs: Vec<(usize, Vec<&Value>)> = Vec::new();
    let mut old = 0;
    for slot in slots {
        match (slot, runs.last_mut()) {
            (Slot::Old(_), _) => old += 1,
            (Slot::New(value), Some((place, values))) if *place == old => values.push(value),
            (Slot::New(value), _) => runs.push((old, vec![value])),
        }
    }
    runs
}

/// The mapping and the end of the colon before an empty collection (`[]`) that can give way to lines below its key.
fn replaceable(tree: &Tree<'_>, id: Id) -> Option<(Id, usize)> {
    let node = tree.node(id);
    let is_empty = tree.entries(id).is_empty() && tree.items(id).is_empty();
    let inside = tree.text.get(node.span.end..node.end.checked_sub(1)?)?;
    (is_empty && node.is_collection() && !node.has_properties && inside.trim().is_empty()).then_some(())?;
    below_key(tree, id)
}

/// The block mapping that a node is a value of, and the end of the colon before it.
fn below_key(tree: &Tree<'_>, id: Id) -> Option<(Id, usize)> {
    let (mapping, (key, _)) = tree.entry_of(id)?;
    let colon = colon_end(tree, key, id)?;
    (tree.node(mapping).is_block() && lines::is_one(&tree.text[colon..tree.node(id).end]))
        .then_some((mapping, colon))
}

/// Where the colon between a key and its value ends.
fn colon_end(tree: &Tree<'_>, key: Id, value: Id) -> Option<usize> {
    let (key, value) = (tree.node(key), tree.node(value));
    if value.span.is_empty() && !value.has_properties {
        return tree.text[..value.end].ends_with(':').then_some(value.end);
    }
    let between = tree.text.get(key.end..value.start)?;
    between.trim_end().ends_with(':').then(|| key.end + between.trim_end().len())
}

/// Takes a value away from behind its colon and writes another one below it.
fn unfold(
    tree: &Tree<'_>,
    id: Id,
    (mapping, colon): (Id, usize),
    value: &Value,
) -> Result<Vec<Splice>, Reason> {
    let end = tree.node(id).end;
    let mut splices = vec![block::below(tree, (mapping, end), value)?];
    if colon < end {
        splices.push(Splice::replace(colon..end, ""));
    }
    Ok(splices)
}

// --- other names and values ---

fn quotes(tree: &Tree<'_>) -> Quotes {
    if tree.is_json { Quotes::Json } else { Quotes::Needed }
}

fn rename(tree: &Tree<'_>, key: Id, name: &str) -> Splice {
    let node = tree.node(key);
    let style = match node.kind {
        Kind::Scalar { style, .. } => style,
        _ => ScalarStyle::Plain,
    };
    Splice::replace(node.span.clone(), text_like(name, style, quotes(tree)))
}

/// Puts a value where a single one is, or where none is written.
fn replace(tree: &Tree<'_>, id: Id, value: &Value) -> Result<Vec<Splice>, Reason> {
    let node = tree.node(id);
    let unclear = || Reason::Layout { line: tree.line(node.start) };
    let is_collection = written(value, Quotes::Needed).is_none();
    if is_collection
        && node.is_null()
        && !node.has_properties
        && let Some(place) = below_key(tree, id)
    {
        return unfold(tree, id, place, value);
    }
    let text = in_place(tree, id, value);
    match node.kind {
        Kind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } => {
            let written = tree.text[..node.end].trim_end_matches(['\r', '\n']).len();
            Ok(vec![Splice::replace(node.span.start..written, text)])
        }
        _ if !node.span.is_empty() => Ok(vec![Splice::replace(node.span.clone(), text)]),
        _ if node.has_properties => Err(unclear()),
        _ if tree.text[..node.end].ends_with(':') => Ok(vec![Splice::insert(node.end, format!(" {text}"))]),
        _ if tree.entry_of(id).is_some() => Ok(vec![Splice::insert(node.end, format!(": {text}"))]),
        _ => Err(unclear()),
    }
}

/// A value in one line, quoted as the one that it stands for.
fn in_place(tree: &Tree<'_>, id: Id, value: &Value) -> String {
    match (value, &tree.node(id).kind) {
        (Value::String(text), Kind::Scalar { style, .. }) => text_like(text, *style, quotes(tree)),
        _ => flow::style(tree, id).one_line(value),
    }
}
