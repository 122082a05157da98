//! Renders a draft: the edits of the text that make its changes.

use crate::block;
use crate::draft::{DraftedChanges, Element};
use crate::error::AmendError;
use crate::flow::{self, NewPart};
use crate::lines;
use crate::scalar::{Quotes, text_like, written};
use crate::splice::Splice;
use crate::tree::{Id, NodeKind, SyntaxTree};
use granit_parser::ScalarStyle;
use serde_json::Value;
use std::ops::Range;

/// The parts of a collection that are removed, and the new ones in their place. One of both may be empty.
#[derive(Debug, Default)]
struct PartRun<'v> {
    /// The indices of the removed parts; empty at the index that the new parts are inserted at.
    removed: Range<usize>,
    added: Vec<NewPart<'v>>,
}

/// Returns the edits of a draft in the order of the text. At one offset, insertions come first, the deeper one before
/// others.
pub(crate) fn splices(
    tree: &SyntaxTree<'_>,
    draft: &DraftedChanges<'_, '_>,
) -> Result<Vec<Splice>, AmendError> {
    let mut splices = Vec::new();
    for id in draft.changed().into_iter().rev() {
        splices.append(&mut of_node(tree, draft, id)?);
    }
    splices.sort_by_key(|splice| (splice.at.start, splice.at.end));
    Ok(splices)
}

fn of_node(tree: &SyntaxTree<'_>, draft: &DraftedChanges<'_, '_>, id: Id) -> Result<Vec<Splice>, AmendError> {
    if let Some(value) = draft.values.get(&id) {
        return replace(tree, id, value);
    }
    if let Some(name) = draft.names.get(&id) {
        return Ok(vec![rename(tree, id, name)]);
    }
    match &tree.node(id).kind {
        NodeKind::Mapping { .. } => of_mapping(tree, draft, id),
        NodeKind::Sequence { .. } => of_sequence(tree, draft, id),
        _ => Ok(Vec::new()),
    }
}

// --- mappings and sequences ---

fn of_mapping(
    tree: &SyntaxTree<'_>,
    draft: &DraftedChanges<'_, '_>,
    id: Id,
) -> Result<Vec<Splice>, AmendError> {
    let added = draft.members.get(&id).map_or(&[][..], Vec::as_slice);
    let mut runs: Vec<PartRun<'_>> = Vec::new();
    for (index, (key, _)) in tree.entries(id).iter().enumerate() {
        match runs.last_mut() {
            _ if !draft.removed.contains(key) => {}
            Some(run) if run.removed.end == index => run.removed.end += 1,
            _ => runs.push(PartRun { removed: index..index + 1, added: Vec::new() }),
        }
    }
    let removed: usize = runs.iter().map(|run| run.removed.len()).sum();
    if removed == tree.entries(id).len() {
        return fill(tree, id, &Value::Object(added.iter().cloned().collect()));
    }
    if tree.node(id).is_block() {
        let removals = runs.iter().map(|run| block::remove(tree, id, run.removed.clone()));
        let additions = (!added.is_empty()).then(|| block::members(tree, id, added));
        return removals.chain(additions).collect();
    }
    // The order of members has no meaning: the new ones take the place of removed ones.
    let last = tree.entries(id).len();
    let added = added.iter().map(|(key, value)| NewPart { key: Some(key), value }).collect();
    match runs.first_mut() {
        Some(run) => run.added = added,
        None if added.is_empty() => {}
        None => runs.push(PartRun { removed: last..last, added }),
    }
    of_flow(tree, id, &runs)
}

fn of_sequence(
    tree: &SyntaxTree<'_>,
    draft: &DraftedChanges<'_, '_>,
    id: Id,
) -> Result<Vec<Splice>, AmendError> {
    let Some(elements) = draft.elements.get(&id) else { return Ok(Vec::new()) };
    if !elements.iter().any(|element| matches!(element, Element::Old(_))) {
        let values = elements.iter().filter_map(|element| match element {
            Element::New(value) => Some(value.clone()),
            Element::Old(_) => None,
        });
        return fill(tree, id, &Value::Array(values.collect()));
    }
    let runs = runs(tree.items(id), elements);
    if !tree.node(id).is_block() {
        return of_flow(tree, id, &runs);
    }
    let mut splices = Vec::new();
    for PartRun { removed, added } in runs {
        if !removed.is_empty() {
            splices.push(block::remove(tree, id, removed.clone())?);
        }
        let values: Vec<&Value> = added.iter().map(|part| part.value).collect();
        if !values.is_empty() {
            splices.push(block::items(tree, id, removed.end, &values)?);
        }
    }
    Ok(splices)
}

/// The differences between the old items of a list and its elements now.
fn runs<'v>(items: &[Id], elements: &'v [Element]) -> Vec<PartRun<'v>> {
    let mut runs = Vec::new();
    let mut run = PartRun::default();
    for element in elements {
        match element {
            Element::New(value) => run.added.push(NewPart { key: None, value }),
            Element::Old(child) => {
                while items.get(run.removed.end).is_some_and(|item| item != child) {
                    run.removed.end += 1;
                }
                let next = run.removed.end + 1;
                runs.push(std::mem::replace(&mut run, PartRun { removed: next..next, added: Vec::new() }));
            }
        }
    }
    run.removed.end = items.len();
    runs.push(run);
    runs.retain(|run| !run.removed.is_empty() || !run.added.is_empty());
    runs
}

fn of_flow(tree: &SyntaxTree<'_>, id: Id, runs: &[PartRun<'_>]) -> Result<Vec<Splice>, AmendError> {
    let mut splices = Vec::new();
    for PartRun { removed, added } in runs {
        splices.append(&mut match (removed.is_empty(), added.is_empty()) {
            (true, _) => flow::insert(tree, id, removed.start, added)?,
            (false, true) => flow::remove(tree, id, removed.clone())?,
            (false, false) => vec![flow::substitute(tree, id, removed.clone(), added)],
        });
    }
    Ok(splices)
}

/// Writes a collection in the place of one that is empty, or that loses all of its parts.
fn fill(tree: &SyntaxTree<'_>, id: Id, value: &Value) -> Result<Vec<Splice>, AmendError> {
    let node = tree.node(id);
    if node.last_child().is_some() {
        return replace(tree, id, value);
    }
    if is_single(value) {
        return Ok(Vec::new());
    }
    let inside = node.end.checked_sub(1).and_then(|end| tree.text.get(node.span.end..end));
    let is_blank = inside.is_some_and(|inside| inside.trim().is_empty());
    if is_blank
        && !node.has_properties
        && let Some(place) = tree.colon_in_line(id)
    {
        return unfold(tree, id, place, value);
    }
    let members = value.as_object().into_iter().flatten();
    let members = members.map(|(key, value)| NewPart { key: Some(key), value });
    let items = value.as_array().into_iter().flatten().map(|value| NewPart { key: None, value });
    flow::insert(tree, id, 0, &members.chain(items).collect::<Vec<_>>())
}

/// Deletes a value after its colon, and writes another one in the lines below.
fn unfold(
    tree: &SyntaxTree<'_>,
    id: Id,
    (mapping, colon): (Id, usize),
    value: &Value,
) -> Result<Vec<Splice>, AmendError> {
    let end = tree.node(id).end;
    let mut splices = vec![block::below(tree, (mapping, end), value)?];
    if colon < end {
        splices.push(Splice::replace(colon..end, ""));
    }
    Ok(splices)
}

// --- keys and values ---

fn quotes(tree: &SyntaxTree<'_>) -> Quotes {
    if tree.is_json { Quotes::Json } else { Quotes::Needed }
}

fn rename(tree: &SyntaxTree<'_>, key: Id, name: &str) -> Splice {
    let node = tree.node(key);
    let style = match node.kind {
        NodeKind::Scalar { style, .. } => style,
        _ => ScalarStyle::Plain,
    };
    Splice::replace(node.span.clone(), text_like(name, style, quotes(tree)))
}

/// Writes a value in the place of a node, which may be omitted.
fn replace(tree: &SyntaxTree<'_>, id: Id, value: &Value) -> Result<Vec<Splice>, AmendError> {
    let node = tree.node(id);
    if node.is_block() {
        return block::replace(tree, id, value);
    }
    if node.is_flow() {
        return Ok(vec![Splice::replace(node.span.start..node.end, flow::in_place(tree, id, value))]);
    }
    if !is_single(value)
        && !node.has_properties
        && let Some(place) = tree.colon_in_line(id)
    {
        return unfold(tree, id, place, value);
    }
    Ok(vec![replace_scalar(tree, id, value)?])
}

/// Whether a value fits after a key in block style: a scalar or an empty collection.
fn is_single(value: &Value) -> bool {
    written(value, Quotes::Needed).is_some()
}

fn replace_scalar(tree: &SyntaxTree<'_>, id: Id, value: &Value) -> Result<Splice, AmendError> {
    let node = tree.node(id);
    let unclear = || AmendError::Layout { line: tree.line(node.start) };
    let text = match (value, &node.kind) {
        (Value::String(text), NodeKind::Scalar { style, .. }) => text_like(text, *style, quotes(tree)),
        _ => flow::style(tree, id).one_line(value),
    };
    match node.kind {
        NodeKind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } => {
            let end = lines::without_end(&tree.text[..node.end]).len();
            Ok(Splice::replace(node.span.start..end, text))
        }
        _ if !node.span.is_empty() => Ok(Splice::replace(node.span.clone(), text)),
        _ if node.has_properties => Err(unclear()),
        _ if tree.text[..node.end].ends_with(':') => Ok(Splice::insert(node.end, format!(" {text}"))),
        _ if tree.entry_of(id).is_some() => Ok(Splice::insert(node.end, format!(": {text}"))),
        // An omitted element follows its dash.
        _ if tree.text[..node.end].ends_with('-') => Ok(Splice::insert(node.end, format!(" {text}"))),
        _ => Err(unclear()),
    }
}
