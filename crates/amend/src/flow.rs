//! Edits of collections in flow style, JSON included: after a comma, on lines of their own where the other parts are.
//!
//! A *part* is a member of a mapping, from its key to the end of its value, or an element of a list.

use crate::error::AmendError;
use crate::lines::{self, IndexedText};
use crate::scalar::{Quotes, text_as, written};
use crate::splice::Splice;
use crate::tree::{Id, SyntaxTree};
use serde_json::Value;
use std::ops::Range;

/// How the parts of a collection are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlowStyle {
    quotes: Quotes,
    /// Between a key and its value.
    colon: String,
    /// Between two parts in one line.
    comma: String,
    /// Inside the braces of a mapping.
    pad: &'static str,
}

/// The number of parts of a collection that are read to find its style.
const NEAR: usize = 32;

/// A new member or element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewPart<'v> {
    /// `None` in a list.
    pub(crate) key: Option<&'v str>,
    pub(crate) value: &'v Value,
}

/// How the lines of a collection are broken.
struct LineBreaks {
    ending: &'static str,
    /// Of the parts.
    indentation: String,
    /// The additional indentation of each level below.
    unit: String,
}

/// The style of a collection, or of the collections around it.
pub(crate) fn style(tree: &SyntaxTree<'_>, id: Id) -> FlowStyle {
    let near = || {
        let chain = std::iter::once(id).chain(tree.ancestors(id));
        chain
            .flat_map(|id| std::iter::once(id).chain(children(tree, id).take(NEAR)))
            .filter(|id| tree.node(*id).is_flow())
    };
    let mapping = near().find(|id| !tree.entries(*id).is_empty());
    let is_json = tree.is_json || mapping.is_some_and(|id| tree.has_quoted_keys(id));
    let default = |text: &str| text.to_owned();
    FlowStyle {
        quotes: if is_json { Quotes::Json } else { Quotes::Needed },
        colon: mapping.and_then(|id| colon(tree, id)).unwrap_or_else(|| default(": ")),
        comma: near().find_map(|id| comma(tree, id)).unwrap_or_else(|| default(", ")),
        pad: if mapping.is_some_and(|id| is_padded(tree, id)) { " " } else { "" },
    }
}

// --- the parts of a collection ---

/// The first and the last node of each part.
fn parts<'t>(tree: &'t SyntaxTree<'_>, id: Id) -> impl Iterator<Item = (Id, Id)> + 't {
    tree.entries(id).iter().copied().chain(tree.items(id).iter().map(|item| (*item, *item)))
}

/// The values of a mapping, the elements of a list.
fn children<'t>(tree: &'t SyntaxTree<'_>, id: Id) -> impl Iterator<Item = Id> + 't {
    parts(tree, id).map(|(_, value)| value)
}

/// Where each part begins and ends.
fn extents<'t>(tree: &'t SyntaxTree<'_>, id: Id) -> impl Iterator<Item = (usize, usize)> + 't {
    parts(tree, id).map(|(first, last)| (tree.node(first).start, tree.node(last).end))
}

/// Where a part begins and ends.
fn extent(tree: &SyntaxTree<'_>, id: Id, index: usize) -> Option<(usize, usize)> {
    let items = tree.items(id).get(index).map(|item| (*item, *item));
    let (first, last) = tree.entries(id).get(index).copied().or(items)?;
    Some((tree.node(first).start, tree.node(last).end))
}

/// The text between the first key that has a value and that value.
fn colon(tree: &SyntaxTree<'_>, id: Id) -> Option<String> {
    let mut between = tree.entries(id).iter().filter_map(|(key, value)| {
        tree.text.get(tree.node(*key).end..tree.node(*value).start).filter(|between| between.contains(':'))
    });
    let between = between.find(|between| between.bytes().all(|byte| matches!(byte, b':' | b' ')))?;
    let is_safe = between.ends_with(' ') || tree.is_json || tree.has_quoted_keys(id);
    is_safe.then(|| between.to_owned())
}

/// The text between two parts in one line.
fn comma(tree: &SyntaxTree<'_>, id: Id) -> Option<String> {
    let pairs = extents(tree, id).zip(extents(tree, id).skip(1)).take(NEAR);
    let mut between = pairs.filter_map(|((_, end), (next, _))| tree.text.get(end..next));
    between.find(|between| between.bytes().all(|byte| matches!(byte, b',' | b' '))).map(str::to_owned)
}

/// Whether a mapping has blanks inside its braces.
fn is_padded(tree: &SyntaxTree<'_>, id: Id) -> bool {
    tree.text[tree.node(id).span.end..].starts_with(' ')
}

/// Whether the parts of a collection are on lines of their own.
fn is_broken(tree: &SyntaxTree<'_>, id: Id) -> bool {
    let first = extent(tree, id, 0).map(|first| first.0);
    first.is_some_and(|first| !lines::is_one(&tree.text[tree.node(id).span.start..first]))
}

/// How the lines of a collection are broken, or `None` if the part at an offset does not begin its line.
fn line_breaks(tree: &SyntaxTree<'_>, id: Id, part: usize) -> Option<LineBreaks> {
    let indentation = tree.text.indentation(part)?;
    let outer = line_indentation(&tree.text, tree.node(id).span.start);
    let unit = indentation.strip_prefix(outer).filter(|unit| !unit.is_empty()).unwrap_or("  ");
    Some(LineBreaks {
        ending: tree.text.ending(tree.node(id).span.start),
        indentation: indentation.to_owned(),
        unit: unit.to_owned(),
    })
}

/// The blanks at the beginning of the line at an offset.
fn line_indentation<'t>(text: &IndexedText<'t>, at: usize) -> &'t str {
    let line = text.before(at);
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn unclear(tree: &SyntaxTree<'_>, id: Id) -> AmendError {
    AmendError::Layout { line: tree.line(tree.node(id).span.start) }
}

// --- insertions and replacements ---

/// Inserts parts at an index.
pub(crate) fn insert(
    tree: &SyntaxTree<'_>,
    id: Id,
    index: usize,
    added: &[NewPart<'_>],
) -> Result<Vec<Splice>, AmendError> {
    let style = style(tree, id);
    match (extent(tree, id, index.saturating_sub(1)), index) {
        (Some(first), 0) => Ok(vec![style.before(tree, id, first.0, added)]),
        (Some(before), _) => {
            let next = extent(tree, id, index).map(|next| next.0);
            Ok(style.after(tree, id, before, next, added))
        }
        (None, _) => style.fill(tree, id, added),
    }
}

/// Writes parts in the place of others.
pub(crate) fn substitute(
    tree: &SyntaxTree<'_>,
    id: Id,
    removed: Range<usize>,
    added: &[NewPart<'_>],
) -> Splice {
    let (start, end) = run(tree, id, &removed);
    let style = style(tree, id);
    let breaks = line_breaks(tree, id, start);
    let texts = style.texts(tree, id, breaks.as_ref(), added);
    let separator = breaks.map_or(style.comma, |breaks| format!(",{}{}", breaks.ending, breaks.indentation));
    Splice::replace(start..end, texts.join(&separator))
}

/// A value in the place of a flow collection: in one line, or in lines as the collection.
pub(crate) fn in_place(tree: &SyntaxTree<'_>, id: Id, value: &Value) -> String {
    let style = style(tree, id);
    let first = extent(tree, id, 0).filter(|_| is_broken(tree, id));
    match first.and_then(|(start, _)| line_breaks(tree, id, start)) {
        Some(breaks) => {
            let outer = line_indentation(&tree.text, tree.node(id).span.start);
            style.lines(value, &breaks, outer)
        }
        None => style.one_line(value),
    }
}

// --- removals ---

/// Where a run of parts begins and ends.
fn run(tree: &SyntaxTree<'_>, id: Id, parts: &Range<usize>) -> (usize, usize) {
    let first = extent(tree, id, parts.start).unwrap_or_default();
    let last = parts.end.checked_sub(1).and_then(|last| extent(tree, id, last)).unwrap_or(first);
    (first.0, last.1)
}

/// Deletes some parts, but not all: with their lines, and the comment at the end of the last line, where they have
/// lines of their own.
pub(crate) fn remove(
    tree: &SyntaxTree<'_>,
    id: Id,
    removed: Range<usize>,
) -> Result<Vec<Splice>, AmendError> {
    let (start, end) = run(tree, id, &removed);
    if let Some((next, _)) = extent(tree, id, removed.end) {
        return remove_before(tree, id, start..end, next).map(|splice| vec![splice]);
    }
    let before = removed.start.checked_sub(1).and_then(|before| extent(tree, id, before));
    let (_, before) = before.ok_or_else(|| unclear(tree, id))?;
    remove_last(tree, id, start..end, before)
}

/// Deletes parts before another one.
fn remove_before(
    tree: &SyntaxTree<'_>,
    id: Id,
    removed: Range<usize>,
    next: usize,
) -> Result<Splice, AmendError> {
    let text = &tree.text;
    if text.indentation(removed.start).is_some()
        && let Tail::Comma(_) = Tail::of(text, removed.end, next)
    {
        return Ok(Splice::replace(text.start(removed.start)..text.next(removed.end), ""));
    }
    // A comment on a line of its own belongs to the next part.
    match text[removed.end..next].lines().skip(1).any(|line| line.contains('#')) {
        true => Err(unclear(tree, id)),
        false => Ok(Splice::replace(removed.start..next, "")),
    }
}

/// Deletes the last parts, and the comma before them unless another one follows.
fn remove_last(
    tree: &SyntaxTree<'_>,
    id: Id,
    removed: Range<usize>,
    before: usize,
) -> Result<Vec<Splice>, AmendError> {
    let (text, close) = (&tree.text, tree.node(id).end - 1);
    let gap = &text[before..removed.start];
    if lines::is_one(gap) {
        return Ok(vec![Splice::replace(before..removed.end, "")]);
    }
    let comma = before + gap.len() - gap.trim_start().len();
    if !text[comma..].starts_with(',') {
        return Err(unclear(tree, id));
    }
    let own = match text.indentation(removed.start).is_some() && has_only_comment(text, removed.end, close) {
        true => text.start(removed.start)..text.next(removed.end),
        false => removed.clone(),
    };
    let is_trailing = has_comma(&text[removed.end..own.end]);
    let comma = (!is_trailing).then(|| Splice::replace(comma..comma + 1, ""));
    Ok(comma.into_iter().chain([Splice::replace(own, "")]).collect())
}

/// Whether only a comma and a comment follow in the line, and the end of the collection is below it.
fn has_only_comment(text: &IndexedText<'_>, end: usize, close: usize) -> bool {
    let line_end = text.end(end);
    let rest = text[end..line_end].trim_start();
    line_end < close && lines::is_comment(rest.strip_prefix(',').unwrap_or(rest))
}

// === impl FlowStyle ===

impl FlowStyle {
    /// A value in one line.
    pub(crate) fn one_line(&self, value: &Value) -> String {
        match value {
            Value::Object(members) if !members.is_empty() => {
                let members = members.iter().map(|(key, value)| self.member(key, &self.one_line(value)));
                format!("{{{}{}{}}}", self.pad, members.collect::<Vec<_>>().join(&self.comma), self.pad)
            }
            Value::Array(items) if !items.is_empty() => {
                let items = items.iter().map(|item| self.one_line(item));
                format!("[{}]", items.collect::<Vec<_>>().join(&self.comma))
            }
            single => written(single, self.quotes).unwrap_or_default(),
        }
    }

    fn member(&self, key: &str, value: &str) -> String {
        format!("{}{}{value}", text_as(key, self.quotes), self.colon)
    }

    /// A value over several lines; the first continues a line with this indentation.
    fn lines(&self, value: &Value, breaks: &LineBreaks, indentation: &str) -> String {
        let inner = format!("{indentation}{}", breaks.unit);
        let (open, close, parts): (_, _, Vec<String>) = match value {
            Value::Object(members) if !members.is_empty() => {
                let member =
                    |(key, value): (&String, &Value)| self.member(key, &self.lines(value, breaks, &inner));
                ('{', '}', members.iter().map(member).collect())
            }
            Value::Array(items) if !items.is_empty() => {
                ('[', ']', items.iter().map(|item| self.lines(item, breaks, &inner)).collect())
            }
            single => return written(single, self.quotes).unwrap_or_default(),
        };
        let ending = breaks.ending;
        let parts = parts.join(&format!(",{ending}{inner}"));
        format!("{open}{ending}{inner}{parts}{ending}{indentation}{close}")
    }

    /// The text of each new part.
    fn texts(
        &self,
        tree: &SyntaxTree<'_>,
        id: Id,
        breaks: Option<&LineBreaks>,
        added: &[NewPart<'_>],
    ) -> Vec<String> {
        let inner = breaks.filter(|_| breaks_inner(tree, id));
        let value = |value: &Value| match inner {
            Some(breaks) => self.lines(value, breaks, &breaks.indentation),
            None => self.one_line(value),
        };
        let text = |added: &NewPart<'_>| match added.key {
            Some(key) => self.member(key, &value(added.value)),
            None => value(added.value),
        };
        added.iter().map(text).collect()
    }

    /// Inserts after a part; `next` is where the part after it begins.
    fn after(
        &self,
        tree: &SyntaxTree<'_>,
        id: Id,
        (start, end): (usize, usize),
        next: Option<usize>,
        added: &[NewPart<'_>],
    ) -> Vec<Splice> {
        let breaks = line_breaks(tree, id, start);
        let texts = self.texts(tree, id, breaks.as_ref(), added);
        let Some(breaks) = breaks else {
            return vec![Splice::insert(end, self.behind_commas(&texts))];
        };
        let separator = format!(",{}{}", breaks.ending, breaks.indentation);
        let follows = next.unwrap_or(tree.node(id).end - 1);
        match Tail::of(&tree.text, end, follows) {
            Tail::Comma(at) => vec![Splice::insert(
                at,
                format!("{}{}{},", breaks.ending, breaks.indentation, texts.join(&separator)),
            )],
            Tail::None(at) => vec![
                Splice::insert(end, ","),
                Splice::insert(
                    at,
                    format!("{}{}{}", breaks.ending, breaks.indentation, texts.join(&separator)),
                ),
            ],
            Tail::Same => vec![Splice::insert(end, format!("{separator}{}", texts.join(&separator)))],
        }
    }

    fn behind_commas(&self, texts: &[String]) -> String {
        texts.iter().flat_map(|text| [&self.comma, text.as_str()]).collect()
    }

    /// Inserts before the first part.
    fn before(&self, tree: &SyntaxTree<'_>, id: Id, first: usize, added: &[NewPart<'_>]) -> Splice {
        let breaks = line_breaks(tree, id, first);
        let texts = self.texts(tree, id, breaks.as_ref(), added);
        let comma = match &breaks {
            Some(breaks) => format!(",{}{}", breaks.ending, breaks.indentation),
            None => self.comma.clone(),
        };
        let text = texts.iter().flat_map(|text| [text.as_str(), &comma]).collect::<String>();
        Splice::insert(first, text)
    }

    /// Inserts into an empty collection.
    fn fill(&self, tree: &SyntaxTree<'_>, id: Id, added: &[NewPart<'_>]) -> Result<Vec<Splice>, AmendError> {
        let node = tree.node(id);
        let inside = node.span.end..node.end - 1;
        let text = &tree.text[inside.clone()];
        if !text.trim().is_empty() {
            return Err(unclear(tree, id));
        }
        let breaks = self.as_around(tree, id);
        let texts = self.texts(tree, id, breaks.as_ref(), added);
        let filled = match &breaks {
            Some(breaks) => {
                let outer = line_indentation(&tree.text, node.span.start);
                let line = format!("{}{}", breaks.ending, breaks.indentation);
                format!("{line}{}{}{outer}", texts.join(&format!(",{line}")), breaks.ending)
            }
            None if node.is_mapping() => format!("{}{}{}", self.pad, texts.join(&self.comma), self.pad),
            None => texts.join(&self.comma),
        };
        Ok(vec![Splice::replace(inside, filled)])
    }

    /// The line breaks for an empty collection: in JSON those of the collection around it.
    fn as_around(&self, tree: &SyntaxTree<'_>, id: Id) -> Option<LineBreaks> {
        let parent = tree.node(id).parent.filter(|parent| tree.is_json && is_broken(tree, *parent))?;
        let first = extents(tree, parent).next()?.0;
        let around = line_breaks(tree, parent, first)?;
        let outer = line_indentation(&tree.text, tree.node(id).span.start);
        Some(LineBreaks { indentation: format!("{outer}{}", around.unit), ..around })
    }
}

/// Whether new collections in a collection are broken into lines: as the collections in it are; else in JSON only.
fn breaks_inner(tree: &SyntaxTree<'_>, id: Id) -> bool {
    let mut inner = children(tree, id).filter(|child| children(tree, *child).next().is_some()).peekable();
    match inner.peek() {
        Some(_) => inner.any(|child| is_broken(tree, child)),
        None => tree.is_json,
    }
}

/// The text after a part in its line.
enum Tail {
    /// A comma and perhaps a comment; with the end of the line.
    Comma(usize),
    /// Perhaps a comment, after the last part of a collection that ends on another line; with the end of the line.
    None(usize),
    /// Another part, or the end of the collection.
    Same,
}

// === impl Tail ===

impl Tail {
    fn of(text: &IndexedText<'_>, end: usize, follows: usize) -> Self {
        let line_end = text.end(end);
        if line_end >= follows {
            return Self::Same;
        }
        let rest = text[end..line_end].trim_start();
        match rest.strip_prefix(',') {
            Some(rest) if lines::is_comment(rest) => Self::Comma(line_end),
            None if lines::is_comment(rest) && !has_comma(&text[line_end..follows]) => Self::None(line_end),
            _ => Self::Same,
        }
    }
}

/// Whether lines have a comma outside their comments.
fn has_comma(text: &str) -> bool {
    text.lines().any(|line| line.split('#').next().is_some_and(|code| code.contains(',')))
}
