//! Additions to collections in block style: lines of their own, indented as those around them.

use crate::lines::Text;
use crate::reason::Reason;
use crate::scalar::{Quotes, text_as, written};
use crate::splice::Splice;
use crate::tree::{Id, Tree};
use serde_json::{Map, Value};

/// How lines are indented, in columns, and their texts quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Of a mapping in a mapping.
    unit: usize,
    list: List,
    quotes: Quotes,
}

/// How a list in a mapping is indented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct List {
    /// From the key to the dashes.
    dash: usize,
    /// From a dash to what follows it.
    gap: usize,
}

/// What is seen of a style.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    unit: Option<usize>,
    list: Option<List>,
}

/// The style around a node: as its children have it, else as those next to it, else as any in the text.
pub(crate) fn style(tree: &Tree<'_>, id: Id) -> Style {
    let near = || std::iter::once(id).chain(tree.ancestors(id));
    let seen = near().fold(Seen::default(), |seen, id| seen.or_else(|| Seen::at(tree, id)));
    let seen = seen.or_else(|| *tree.seen.get_or_init(|| Seen::anywhere(tree)));
    let unit = seen.unit.unwrap_or(2);
    let has_quoted_keys =
        near().find(|id| tree.node(*id).is_mapping()).is_some_and(|id| tree.has_quoted_keys(id));
    Style {
        unit,
        list: seen.list.unwrap_or(List { dash: unit, gap: 2 }),
        quotes: if has_quoted_keys { Quotes::Json } else { Quotes::Needed },
    }
}

// === impl Seen ===

impl Seen {
    fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self.unit.is_some() && self.list.is_some() {
            return self;
        }
        let other = other();
        Self { unit: self.unit.or(other.unit), list: self.list.or(other.list) }
    }

    /// What is seen first in the text.
    fn anywhere(tree: &Tree<'_>) -> Self {
        tree.ids().fold(Self::default(), |seen, id| seen.or_else(|| Self::at(tree, id)))
    }

    /// What a mapping shows by the blocks in it.
    fn at(tree: &Tree<'_>, id: Id) -> Self {
        let Some(column) = Some(id).filter(|id| tree.node(*id).is_block()).and_then(|id| column(tree, id))
        else {
            return Self::default();
        };
        let blocks =
            || tree.entries(id).iter().map(|(_, value)| *value).filter(|value| tree.node(*value).is_block());
        let unit =
            |block| line_column(tree, first_key(tree, block)?)?.checked_sub(column).filter(|unit| *unit > 0);
        let list = |block| {
            let (dash, gap) = dash(tree, block)?;
            Some(List { dash: line_column(tree, dash)?.checked_sub(column)?, gap })
        };
        Self { unit: blocks().find_map(unit), list: blocks().find_map(list) }
    }
}

fn first_key(tree: &Tree<'_>, id: Id) -> Option<usize> {
    tree.entries(id).first().map(|(key, _)| tree.node(*key).start)
}

/// The column of a position that only blanks are before in its line.
fn line_column(tree: &Tree<'_>, at: usize) -> Option<usize> {
    let before = tree.text.indentation(at)?;
    before.bytes().all(|byte| byte == b' ').then_some(before.len())
}

/// Where a dash of a block list is, and how far from there its element begins: one in the same line, if there is any.
fn dash(tree: &Tree<'_>, id: Id) -> Option<(usize, usize)> {
    let in_line = tree.items(id).iter().find_map(|item| {
        let start = tree.node(*item).start;
        let dash = tree.text.start(start) + dash_in(tree.text.before(start))?;
        Some((dash, (start - dash).max(2)))
    });
    in_line.or_else(|| Some((first_dash(tree, id)?, 2)))
}

/// Where the first dash of a block list is.
fn first_dash(tree: &Tree<'_>, id: Id) -> Option<usize> {
    let start = tree.node(*tree.items(id).first()?).start;
    match dash_in(tree.text.before(start)) {
        Some(dash) => Some(tree.text.start(start) + dash),
        None => dash_above(&tree.text, start),
    }
}

/// Where the dash at the end of a line is.
fn dash_in(line: &str) -> Option<usize> {
    line.trim_end().strip_suffix('-').map(str::len)
}

/// The dash in the line before, or before comments.
fn dash_above(text: &Text<'_>, start: usize) -> Option<usize> {
    let above = text[..text.start(start)].trim_end();
    let line = text.start(above.len());
    let code = match above[line..].trim_start().starts_with('#') {
        true => return dash_above(text, line),
        false => above[line..].split(" #").next()?,
    };
    dash_in(code).map(|dash| line + dash)
}

/// The column of a block collection's keys or dashes; none where anything but dashes is before the first, and before all.
fn column(tree: &Tree<'_>, id: Id) -> Option<usize> {
    if tree.node(id).is_sequence() {
        return after_dashes(tree, dash(tree, id)?.0);
    }
    let keys = || tree.entries(id).iter().map(|(key, _)| tree.node(*key).start);
    let indented = keys().find(|start| tree.text.indentation(*start).is_some());
    match indented {
        Some(start) => line_column(tree, start),
        None => after_dashes(tree, keys().next()?),
    }
}

fn after_dashes(tree: &Tree<'_>, at: usize) -> Option<usize> {
    let before = tree.text.before(at);
    before.bytes().all(|byte| matches!(byte, b' ' | b'-')).then_some(before.len())
}

fn unclear(tree: &Tree<'_>, id: Id) -> Reason {
    Reason::Layout { line: tree.line(tree.node(id).span.start) }
}

/// Adds members at the end of a mapping.
pub(crate) fn members(tree: &Tree<'_>, id: Id, added: &[(String, Value)]) -> Result<Splice, Reason> {
    let column = column(tree, id).ok_or_else(|| unclear(tree, id))?;
    let style = style(tree, id);
    let written = added.iter().flat_map(|(key, value)| style.member(key, value, column)).collect();
    after(tree, id, Some(column), written)
}

/// Adds elements after one of a list's, or before the first.
pub(crate) fn items(tree: &Tree<'_>, id: Id, place: usize, added: &[&Value]) -> Result<Splice, Reason> {
    let column = column(tree, id).ok_or_else(|| unclear(tree, id))?;
    let style = style(tree, id).with_gap(dash(tree, id).map(|(_, gap)| gap));
    let is_flow = tree.items(id).iter().any(|item| tree.node(*item).is_flow());
    let write = |value: &&Value| match is_flow {
        true => vec![style.in_one_line(tree, id, value, column)],
        false => style.item(value, column),
    };
    let written: Vec<String> = added.iter().flat_map(write).collect();
    let Some(before) = place.checked_sub(1) else { return before_first(tree, id, column, &written) };
    let is_last = place == tree.items(id).len();
    after(tree, tree.items(id)[before], is_last.then(|| comments_of_list(tree, id, column)), written)
}

/// From which column on comments behind a list belong to it, and not to the next key.
fn comments_of_list(tree: &Tree<'_>, id: Id, column: usize) -> usize {
    let key = tree.entry_of(id).map(|(mapping, _)| self::column(tree, mapping));
    match key.flatten() == Some(column) {
        true => column + 1,
        false => column,
    }
}

/// Writes a value below its key, whose line ends at or after `end`.
pub(crate) fn below(tree: &Tree<'_>, (mapping, end): (Id, usize), value: &Value) -> Result<Splice, Reason> {
    let column = column(tree, mapping).ok_or_else(|| unclear(tree, mapping))?;
    let written = style(tree, mapping).below(value, column);
    insert(tree, end, Some(column + 1), written)
}

/// Writes elements where the first dash is, which gets a line of its own below them.
fn before_first(tree: &Tree<'_>, id: Id, column: usize, written: &[String]) -> Result<Splice, Reason> {
    let first = first_dash(tree, id).ok_or_else(|| unclear(tree, id))?;
    let indentation = " ".repeat(column);
    let line = format!("{}{indentation}", tree.text.ending(first));
    let rest: Vec<&str> = written.iter().filter_map(|line| line.get(column..)).collect();
    Ok(Splice::insert(first, rest.join(&line) + &line))
}

fn after(tree: &Tree<'_>, id: Id, comments: Option<usize>, written: Vec<String>) -> Result<Splice, Reason> {
    insert(tree, tree.node(id).end, comments, written)
}

/// Inserts lines behind that of a position, and behind the comments that follow it in this column or right of it.
fn insert(
    tree: &Tree<'_>,
    at: usize,
    comments: Option<usize>,
    written: Vec<String>,
) -> Result<Splice, Reason> {
    let text = &tree.text;
    let begins_line = at > 0 && text[..at].ends_with('\n');
    if !begins_line && !is_rest_of_line(tree, at) {
        return Err(Reason::Layout { line: tree.line(at) });
    }
    let mut next = if begins_line { at } else { text.next(at) };
    while comments.is_some_and(|column| is_comment(text, next, column)) {
        next = text.next(next);
    }
    let ending = text.ending(at.min(text.len()));
    let is_end = next == text.len() && !text.ends_with('\n');
    let lines = written.iter().flat_map(|line| if is_end { [ending, line] } else { [line, ending] });
    Ok(Splice::insert(next, lines.collect::<String>()))
}

/// Whether nothing but a comment follows in the line.
fn is_rest_of_line(tree: &Tree<'_>, at: usize) -> bool {
    let rest = tree.text[at..tree.text.end(at)].trim_start();
    rest.is_empty() || rest.starts_with('#')
}

/// Whether a line is a comment and begins in this column or right of it.
fn is_comment(text: &Text<'_>, at: usize, column: usize) -> bool {
    let line = &text[at..text.end(at)];
    let indentation = line.len() - line.trim_start_matches(' ').len();
    line[indentation..].starts_with('#') && indentation >= column
}

// === impl Style ===

impl Style {
    fn with_gap(self, gap: Option<usize>) -> Self {
        Self { list: List { gap: gap.unwrap_or(self.list.gap), ..self.list }, ..self }
    }

    /// The lines of a member whose key is in a column.
    fn member(self, key: &str, value: &Value, column: usize) -> Vec<String> {
        let key = format!("{}{}:", " ".repeat(column), text_as(key, self.quotes));
        match written(value, self.quotes) {
            Some(scalar) => vec![format!("{key} {scalar}")],
            None => std::iter::once(key).chain(self.below(value, column)).collect(),
        }
    }

    /// The lines of a collection below its key.
    fn below(self, value: &Value, column: usize) -> Vec<String> {
        match value {
            Value::Object(members) => self.members(members, column + self.unit),
            Value::Array(items) => {
                items.iter().flat_map(|item| self.item(item, column + self.list.dash)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn members(self, members: &Map<String, Value>, column: usize) -> Vec<String> {
        members.iter().flat_map(|(key, value)| self.member(key, value, column)).collect()
    }

    /// The lines of an element whose dash is in a column.
    fn item(self, value: &Value, column: usize) -> Vec<String> {
        let inner = match value {
            Value::Object(members) if !members.is_empty() => self.members(members, column + self.list.gap),
            Value::Array(items) if !items.is_empty() => {
                items.iter().flat_map(|item| self.item(item, column + self.list.gap)).collect()
            }
            single => {
                vec![" ".repeat(column + self.list.gap) + &written(single, self.quotes).unwrap_or_default()]
            }
        };
        inner.into_iter().enumerate().map(|(place, line)| self.dashed(place, line, column)).collect()
    }

    /// The first line of an element gets its dash.
    fn dashed(self, place: usize, line: String, column: usize) -> String {
        match (place, line.get(column + 1..)) {
            (0, Some(rest)) => format!("{}-{rest}", " ".repeat(column)),
            _ => line,
        }
    }

    /// An element in flow style, as those beside it.
    fn in_one_line(self, tree: &Tree<'_>, id: Id, value: &Value, column: usize) -> String {
        let flow = crate::flow::style(tree, id);
        format!("{}-{}{}", " ".repeat(column), " ".repeat(self.list.gap - 1), flow.one_line(value))
    }
}
