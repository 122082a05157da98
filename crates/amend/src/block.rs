//! Edits of collections in block style: whole lines, indented like the lines around them.

use crate::error::AmendError;
use crate::flow;
use crate::indent::{ListIndent, ObservedIndent};
use crate::lines::{self, IndexedText};
use crate::scalar::{Quotes, text_as, written};
use crate::splice::Splice;
use crate::tree::{Id, SyntaxTree};
use serde_json::{Map, Value};
use std::ops::Range;

/// How new lines are indented, in columns, and their texts quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BlockStyle {
    /// Of a mapping in a mapping.
    unit: usize,
    list: ListIndent,
    quotes: Quotes,
}

/// The style around a node: that of its children, else of its ancestors, else of the first blocks in the text.
fn style(tree: &SyntaxTree<'_>, id: Id) -> BlockStyle {
    let near = || std::iter::once(id).chain(tree.ancestors(id));
    let observed = near().fold(ObservedIndent::default(), |seen, id| seen.or_else(|| observe(tree, id)));
    let observed = observed.or_else(|| *tree.indent.get_or_init(|| observe_any(tree)));
    let unit = observed.unit.unwrap_or(2);
    let has_quoted_keys =
        near().find(|id| tree.node(*id).is_mapping()).is_some_and(|id| tree.has_quoted_keys(id));
    BlockStyle {
        unit,
        list: observed.list.unwrap_or(ListIndent { dash: unit, gap: 2 }),
        quotes: if has_quoted_keys { Quotes::Json } else { Quotes::Needed },
    }
}

fn observe_any(tree: &SyntaxTree<'_>) -> ObservedIndent {
    tree.ids().fold(ObservedIndent::default(), |seen, id| seen.or_else(|| observe(tree, id)))
}

/// The indentation of the blocks in a mapping.
fn observe(tree: &SyntaxTree<'_>, id: Id) -> ObservedIndent {
    let Some(column) = Some(id).filter(|id| tree.node(*id).is_block()).and_then(|id| column(tree, id)) else {
        return ObservedIndent::default();
    };
    let blocks =
        || tree.entries(id).iter().map(|(_, value)| *value).filter(|value| tree.node(*value).is_block());
    let unit =
        |block| line_column(tree, first_key(tree, block)?)?.checked_sub(column).filter(|unit| *unit > 0);
    let list = |block| {
        let (dash, gap) = dash_and_gap(tree, block)?;
        Some(ListIndent { dash: line_column(tree, dash)?.checked_sub(column)?, gap })
    };
    ObservedIndent { unit: blocks().find_map(unit), list: blocks().find_map(list) }
}

fn first_key(tree: &SyntaxTree<'_>, id: Id) -> Option<usize> {
    tree.entries(id).first().map(|(key, _)| tree.node(*key).start)
}

// --- columns and dashes ---

/// The column of an offset, or `None` if anything but spaces precedes it in its line.
fn line_column(tree: &SyntaxTree<'_>, at: usize) -> Option<usize> {
    let before = tree.text.indentation(at)?;
    before.bytes().all(|byte| byte == b' ').then_some(before.len())
}

/// The offset of a list's dash, and the columns from there to the element: of an element in its dash's line, if there
/// is one.
fn dash_and_gap(tree: &SyntaxTree<'_>, id: Id) -> Option<(usize, usize)> {
    let in_line = tree.items(id).iter().find_map(|item| {
        let start = tree.node(*item).start;
        let dash = tree.text.start(start) + dash_in(tree.text.before(start))?;
        Some((dash, (start - dash).max(2)))
    });
    in_line.or_else(|| Some((dash(tree, *tree.items(id).first()?)?, 2)))
}

/// The offset of an element's dash.
fn dash(tree: &SyntaxTree<'_>, item: Id) -> Option<usize> {
    let start = tree.node(item).start;
    match dash_in(tree.text.before(start)) {
        Some(dash) => Some(tree.text.start(start) + dash),
        None => dash_above(&tree.text, start),
    }
}

/// The offset of a dash at the end of a line.
fn dash_in(line: &str) -> Option<usize> {
    line.trim_end().strip_suffix('-').map(str::len)
}

/// The offset of a dash in the line before, or before the comments there.
fn dash_above(text: &IndexedText<'_>, start: usize) -> Option<usize> {
    let above = text[..text.start(start)].trim_end();
    let line = text.start(above.len());
    let code = match above[line..].trim_start().starts_with('#') {
        true => return dash_above(text, line),
        false => above[line..].split(" #").next()?,
    };
    dash_in(code).map(|dash| line + dash)
}

/// The column of a block collection's keys or dashes, or `None` if other text than dashes precedes all of them.
fn column(tree: &SyntaxTree<'_>, id: Id) -> Option<usize> {
    if tree.node(id).is_sequence() {
        return after_dashes(tree, dash_and_gap(tree, id)?.0);
    }
    let keys = || tree.entries(id).iter().map(|(key, _)| tree.node(*key).start);
    let indented = keys().find(|start| tree.text.indentation(*start).is_some());
    match indented {
        Some(start) => line_column(tree, start),
        None => after_dashes(tree, keys().next()?),
    }
}

/// The column of an offset, or `None` if anything but spaces and dashes precedes it in its line.
fn after_dashes(tree: &SyntaxTree<'_>, at: usize) -> Option<usize> {
    let before = tree.text.before(at);
    before.bytes().all(|byte| matches!(byte, b' ' | b'-')).then_some(before.len())
}

fn unclear(tree: &SyntaxTree<'_>, id: Id) -> AmendError {
    AmendError::Layout { line: tree.line(tree.node(id).span.start) }
}

// --- additions ---

/// Adds members at the end of a mapping.
pub(crate) fn members(
    tree: &SyntaxTree<'_>,
    id: Id,
    added: &[(String, Value)],
) -> Result<Splice, AmendError> {
    let column = column(tree, id).ok_or_else(|| unclear(tree, id))?;
    let style = style(tree, id);
    let lines = added.iter().flat_map(|(key, value)| style.member(key, value, column)).collect();
    insert(tree, tree.node(id).end, Some(column), lines)
}

/// Adds elements to a list at an index.
pub(crate) fn items(
    tree: &SyntaxTree<'_>,
    id: Id,
    index: usize,
    added: &[&Value],
) -> Result<Splice, AmendError> {
    let column = column(tree, id).ok_or_else(|| unclear(tree, id))?;
    let style = style(tree, id).with_gap(dash_and_gap(tree, id).map(|(_, gap)| gap));
    let is_flow = tree.items(id).iter().any(|item| tree.node(*item).is_flow());
    let write = |value: &&Value| match is_flow {
        true => vec![style.in_one_line(tree, id, value, column)],
        false => style.item(value, column),
    };
    let lines: Vec<String> = added.iter().flat_map(write).collect();
    let Some(before) = index.checked_sub(1) else { return before_first(tree, id, column, &lines) };
    let is_last = index == tree.items(id).len();
    let comments = is_last.then(|| comments_of_list(tree, id, column));
    insert(tree, tree.node(tree.items(id)[before]).end, comments, lines)
}

/// The column from which on comments after a list belong to the list, and not to the next key.
fn comments_of_list(tree: &SyntaxTree<'_>, id: Id, column: usize) -> usize {
    let key = tree.entry_of(id).map(|(mapping, _)| self::column(tree, mapping));
    match key.flatten() == Some(column) {
        true => column + 1,
        false => column,
    }
}

/// Writes a collection in the lines below its key, whose line is that of `end`.
pub(crate) fn below(
    tree: &SyntaxTree<'_>,
    (mapping, end): (Id, usize),
    value: &Value,
) -> Result<Splice, AmendError> {
    let column = column(tree, mapping).ok_or_else(|| unclear(tree, mapping))?;
    let lines = style(tree, mapping).below(value, column);
    insert(tree, end, Some(column + 1), lines)
}

/// Writes elements at the position of the first dash, which moves to a line of its own below them.
fn before_first(
    tree: &SyntaxTree<'_>,
    id: Id,
    column: usize,
    lines: &[String],
) -> Result<Splice, AmendError> {
    let first = tree.items(id).first().and_then(|item| dash(tree, *item)).ok_or_else(|| unclear(tree, id))?;
    let indentation = " ".repeat(column);
    let line = format!("{}{indentation}", tree.text.ending(first));
    let rest: Vec<&str> = lines.iter().filter_map(|line| line.get(column..)).collect();
    Ok(Splice::insert(first, rest.join(&line) + &line))
}

/// Inserts lines after the line of an offset, and after the comments below it that begin in a column or right of it.
fn insert(
    tree: &SyntaxTree<'_>,
    at: usize,
    comments: Option<usize>,
    lines: Vec<String>,
) -> Result<Splice, AmendError> {
    let text = &tree.text;
    let mut next = next_line(tree, at)?;
    while comments.is_some_and(|column| is_comment(text, next, column)) {
        next = text.next(next);
    }
    let ending = text.ending(at.min(text.len()));
    let is_end = next == text.len() && !text.ends_with('\n');
    let lines = lines.iter().flat_map(|line| if is_end { [ending, line] } else { [line, ending] });
    Ok(Splice::insert(next, lines.collect::<String>()))
}

/// Where the line after a node's end begins.
fn next_line(tree: &SyntaxTree<'_>, end: usize) -> Result<usize, AmendError> {
    let text = &tree.text;
    if end > 0 && text[..end].ends_with('\n') {
        return Ok(end);
    }
    match lines::is_comment(&text[end..text.end(end)]) {
        true => Ok(text.next(end)),
        false => Err(AmendError::Layout { line: tree.line(end) }),
    }
}

/// Whether a line is a comment that begins in this column or right of it.
fn is_comment(text: &IndexedText<'_>, at: usize, column: usize) -> bool {
    let line = &text[at..text.end(at)];
    let indentation = line.len() - line.trim_start_matches(' ').len();
    line[indentation..].starts_with('#') && indentation >= column
}

// --- removals and replacements ---

/// Deletes some members or elements, but not all: their lines, with the comment at the end of the last line.
pub(crate) fn remove(tree: &SyntaxTree<'_>, id: Id, removed: Range<usize>) -> Result<Splice, AmendError> {
    let (start, end) = extent(tree, id, removed).ok_or_else(|| unclear(tree, id))?;
    let next = next_line(tree, end)?;
    if tree.text.indentation(start).is_some() {
        return Ok(Splice::replace(tree.text.start(start)..next, ""));
    }
    // After dashes, the next part moves into the line.
    after_dashes(tree, start).ok_or_else(|| unclear(tree, id))?;
    let rest = &tree.text[next..];
    Ok(Splice::replace(start..next + rest.len() - rest.trim_start().len(), ""))
}

/// The number of members or elements.
fn parts(tree: &SyntaxTree<'_>, id: Id) -> usize {
    tree.entries(id).len() + tree.items(id).len()
}

/// Where some members or elements begin and end.
fn extent(tree: &SyntaxTree<'_>, id: Id, parts: Range<usize>) -> Option<(usize, usize)> {
    let last = parts.end.checked_sub(1)?;
    if tree.node(id).is_sequence() {
        let items = tree.items(id);
        return Some((dash(tree, *items.get(parts.start)?)?, tree.node(*items.get(last)?).end));
    }
    let entries = tree.entries(id);
    let ((key, _), (_, value)) = (entries.get(parts.start)?, entries.get(last)?);
    Some((tree.node(*key).start, tree.node(*value).end))
}

/// Writes a value in the place of a block collection.
pub(crate) fn replace(tree: &SyntaxTree<'_>, id: Id, value: &Value) -> Result<Vec<Splice>, AmendError> {
    let node = tree.node(id);
    if node.has_properties {
        return Err(unclear(tree, id));
    }
    match tree.colon_of(id) {
        Some(place) => replace_below(tree, id, place, value),
        None => replace_after_dash(tree, id, value),
    }
}

/// Replaces the lines below a key; a scalar goes after the colon.
fn replace_below(
    tree: &SyntaxTree<'_>,
    id: Id,
    (mapping, colon): (Id, usize),
    value: &Value,
) -> Result<Vec<Splice>, AmendError> {
    let text = &tree.text;
    let (start, end) = extent(tree, id, 0..parts(tree, id)).ok_or_else(|| unclear(tree, id))?;
    text.indentation(start).ok_or_else(|| unclear(tree, id))?;
    let below = text.start(start)..next_line(tree, end)?;
    let style = style(tree, mapping);
    if let Some(scalar) = written(value, style.quotes) {
        return Ok(vec![Splice::insert(colon, format!(" {scalar}")), Splice::replace(below, "")]);
    }
    let column = column(tree, mapping).ok_or_else(|| unclear(tree, id))?;
    let ending = text.ending(start);
    let lines = style.below(value, column).join(ending);
    let last = if text[below.clone()].ends_with('\n') { ending } else { "" };
    Ok(vec![Splice::replace(below, lines + last)])
}

/// Replaces an element, from the end of its dash to its own end.
fn replace_after_dash(tree: &SyntaxTree<'_>, id: Id, value: &Value) -> Result<Vec<Splice>, AmendError> {
    let text = &tree.text;
    let (start, end) = extent(tree, id, 0..parts(tree, id)).ok_or_else(|| unclear(tree, id))?;
    let column = column(tree, id).ok_or_else(|| unclear(tree, id))?;
    let written = style(tree, id).lines(value, column).join(text.ending(start));
    let end = lines::without_end(&text[..end]).len();
    Ok(vec![Splice::replace(start..end, written.trim_start_matches(' '))])
}

// === impl BlockStyle ===

impl BlockStyle {
    fn with_gap(self, gap: Option<usize>) -> Self {
        Self { list: ListIndent { gap: gap.unwrap_or(self.list.gap), ..self.list }, ..self }
    }

    /// The lines of a member whose key is in a column.
    fn member(self, key: &str, value: &Value, column: usize) -> Vec<String> {
        let key = format!("{}{}:", " ".repeat(column), text_as(key, self.quotes));
        match written(value, self.quotes) {
            Some(scalar) => vec![format!("{key} {scalar}")],
            None => std::iter::once(key).chain(self.below(value, column)).collect(),
        }
    }

    /// The lines of a collection below a key in a column.
    fn below(self, value: &Value, column: usize) -> Vec<String> {
        match value {
            Value::Array(_) => self.lines(value, column + self.list.dash),
            _ => self.lines(value, column + self.unit),
        }
    }

    /// The lines of a value in a column.
    fn lines(self, value: &Value, column: usize) -> Vec<String> {
        match value {
            Value::Object(members) if !members.is_empty() => self.members(members, column),
            Value::Array(items) if !items.is_empty() => {
                items.iter().flat_map(|item| self.item(item, column)).collect()
            }
            single => vec![" ".repeat(column) + &written(single, self.quotes).unwrap_or_default()],
        }
    }

    fn members(self, members: &Map<String, Value>, column: usize) -> Vec<String> {
        members.iter().flat_map(|(key, value)| self.member(key, value, column)).collect()
    }

    /// The lines of an element whose dash is in a column.
    fn item(self, value: &Value, column: usize) -> Vec<String> {
        let lines = self.lines(value, column + self.list.gap);
        lines.into_iter().enumerate().map(|(index, line)| with_dash(index, line, column)).collect()
    }

    /// An element in flow style.
    fn in_one_line(self, tree: &SyntaxTree<'_>, id: Id, value: &Value, column: usize) -> String {
        let flow = flow::style(tree, id);
        format!("{}-{}{}", " ".repeat(column), " ".repeat(self.list.gap - 1), flow.one_line(value))
    }
}

/// Puts a dash into the first line of an element.
fn with_dash(index: usize, line: String, column: usize) -> String {
    match (index, line.get(column + 1..)) {
        (0, Some(rest)) => format!("{}-{rest}", " ".repeat(column)),
        _ => line,
    }
}
