//! Additions to collections in flow style, JSON among them: behind a comma, on lines of their own where the others are.

use crate::lines::{self, Text};
use crate::reason::Reason;
use crate::scalar::{Quotes, text_as, written};
use crate::splice::Splice;
use crate::tree::{Id, Tree};
use serde_json::Value;

/// How a collection is written between its brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) quotes: Quotes,
    /// Between a key and its value.
    colon: String,
    /// Between two members or elements in one line.
    comma: String,
    /// Inside of the braces of a mapping.
    pad: &'static str,
}

/// How many parts of a collection are looked at for how it is written.
const NEAR: usize = 32;

/// A new member or element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added<'v> {
    /// None in a list.
    pub(crate) key: Option<&'v str>,
    pub(crate) value: &'v Value,
}

/// How lines of a collection are broken.
struct Broken {
    ending: &'static str,
    /// Of its children.
    indentation: String,
    /// What the next level is indented by.
    unit: String,
}

/// The style of a collection, or of those around it.
pub(crate) fn style(tree: &Tree<'_>, id: Id) -> Style {
    let near = || {
        let chain = std::iter::once(id).chain(tree.ancestors(id));
        chain
            .flat_map(|id| std::iter::once(id).chain(children(tree, id).take(NEAR)))
            .filter(|id| tree.node(*id).is_flow())
    };
    let mapping = near().find(|id| !tree.entries(*id).is_empty());
    let is_json = tree.is_json || mapping.is_some_and(|id| tree.has_quoted_keys(id));
    let default = |text: &str| text.to_owned();
    Style {
        quotes: if is_json { Quotes::Json } else { Quotes::Needed },
        colon: mapping.and_then(|id| colon(tree, id)).unwrap_or_else(|| default(": ")),
        comma: near().find_map(|id| comma(tree, id)).unwrap_or_else(|| default(", ")),
        pad: if mapping.is_some_and(|id| is_padded(tree, id)) { " " } else { "" },
    }
}

/// What a collection consists of: each member from its key to its value, each element.
fn parts<'t>(tree: &'t Tree<'_>, id: Id) -> impl Iterator<Item = (Id, Id)> + 't {
    tree.entries(id).iter().copied().chain(tree.items(id).iter().map(|item| (*item, *item)))
}

/// The values of a mapping, the elements of a list.
fn children<'t>(tree: &'t Tree<'_>, id: Id) -> impl Iterator<Item = Id> + 't {
    parts(tree, id).map(|(_, value)| value)
}

/// Where each part begins and ends.
fn extents<'t>(tree: &'t Tree<'_>, id: Id) -> impl Iterator<Item = (usize, usize)> + 't {
    parts(tree, id).map(|(first, last)| (tree.node(first).start, tree.node(last).end))
}

/// What is between the first key that has a value and that value.
fn colon(tree: &Tree<'_>, id: Id) -> Option<String> {
    let mut between = tree.entries(id).iter().filter_map(|(key, value)| {
        tree.text.get(tree.node(*key).end..tree.node(*value).start).filter(|between| between.contains(':'))
    });
    let between = between.find(|between| between.bytes().all(|byte| matches!(byte, b':' | b' ')))?;
    let is_safe = between.ends_with(' ') || tree.is_json || tree.has_quoted_keys(id);
    is_safe.then(|| between.to_owned())
}

/// What is between two children in one line.
fn comma(tree: &Tree<'_>, id: Id) -> Option<String> {
    let pairs = extents(tree, id).zip(extents(tree, id).skip(1)).take(NEAR);
    let mut between = pairs.filter_map(|((_, end), (next, _))| tree.text.get(end..next));
    between.find(|between| between.bytes().all(|byte| matches!(byte, b',' | b' '))).map(str::to_owned)
}

/// Whether a mapping has blanks inside of its braces.
fn is_padded(tree: &Tree<'_>, id: Id) -> bool {
    tree.text[tree.node(id).span.end..].starts_with(' ')
}

/// Adds members or elements after one that is there, or before the first.
pub(crate) fn append(
    tree: &Tree<'_>,
    id: Id,
    place: usize,
    added: &[Added<'_>],
) -> Result<Vec<Splice>, Reason> {
    let mut extents = extents(tree, id).skip(place.saturating_sub(1));
    let style = style(tree, id);
    match (extents.next(), place) {
        (Some(first), 0) => Ok(vec![style.before(tree, id, first.0, added)]),
        (Some(before), _) => Ok(style.after(tree, id, before, extents.next().map(|next| next.0), added)),
        (None, _) => style.fill(tree, id, added),
    }
}

/// Whether the children of a collection are on lines of their own.
fn is_broken(tree: &Tree<'_>, id: Id) -> bool {
    let first = extents(tree, id).next().map(|first| first.0);
    first.is_some_and(|first| !lines::is_one(&tree.text[tree.node(id).span.start..first]))
}

/// How the lines of a collection are broken, if a child is the first of its line.
fn broken(tree: &Tree<'_>, id: Id, child: usize) -> Option<Broken> {
    let indentation = tree.text.indentation(child)?;
    let outer = line_indentation(&tree.text, tree.node(id).span.start);
    let unit = indentation.strip_prefix(outer).filter(|unit| !unit.is_empty()).unwrap_or("  ");
    Some(Broken {
        ending: tree.text.ending(tree.node(id).span.start),
        indentation: indentation.to_owned(),
        unit: unit.to_owned(),
    })
}

/// The blanks at the beginning of a position's line.
fn line_indentation<'t>(text: &Text<'t>, at: usize) -> &'t str {
    let line = text.before(at);
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

// === impl Style ===

impl Style {
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

    /// A value over several lines, its first one continuing a line with this indentation.
    fn lines(&self, value: &Value, broken: &Broken, indentation: &str) -> String {
        let inner = format!("{indentation}{}", broken.unit);
        let (open, close, parts): (_, _, Vec<String>) = match value {
            Value::Object(members) if !members.is_empty() => {
                let member =
                    |(key, value): (&String, &Value)| self.member(key, &self.lines(value, broken, &inner));
                ('{', '}', members.iter().map(member).collect())
            }
            Value::Array(items) if !items.is_empty() => {
                ('[', ']', items.iter().map(|item| self.lines(item, broken, &inner)).collect())
            }
            single => return written(single, self.quotes).unwrap_or_default(),
        };
        let ending = broken.ending;
        let parts = parts.join(&format!(",{ending}{inner}"));
        format!("{open}{ending}{inner}{parts}{ending}{indentation}{close}")
    }

    /// New members or elements as text.
    fn texts(&self, tree: &Tree<'_>, id: Id, broken: Option<&Broken>, added: &[Added<'_>]) -> Vec<String> {
        let spread = broken.filter(|_| spreads(tree, id));
        let value = |value: &Value| match spread {
            Some(broken) => self.lines(value, broken, &broken.indentation),
            None => self.one_line(value),
        };
        let text = |added: &Added<'_>| match added.key {
            Some(key) => self.member(key, &value(added.value)),
            None => value(added.value),
        };
        added.iter().map(text).collect()
    }

    /// Behind a child that is there; `next` is where the one after it begins.
    fn after(
        &self,
        tree: &Tree<'_>,
        id: Id,
        (start, end): (usize, usize),
        next: Option<usize>,
        added: &[Added<'_>],
    ) -> Vec<Splice> {
        let broken = broken(tree, id, start);
        let texts = self.texts(tree, id, broken.as_ref(), added);
        let Some(broken) = broken else {
            return vec![Splice::insert(end, self.behind_commas(&texts))];
        };
        let separator = format!(",{}{}", broken.ending, broken.indentation);
        let follows = next.unwrap_or(tree.node(id).end - 1);
        match Tail::of(&tree.text, end, follows) {
            Tail::Comma(at) => vec![Splice::insert(
                at,
                format!("{}{}{},", broken.ending, broken.indentation, texts.join(&separator)),
            )],
            Tail::None(at) => vec![
                Splice::insert(end, ","),
                Splice::insert(
                    at,
                    format!("{}{}{}", broken.ending, broken.indentation, texts.join(&separator)),
                ),
            ],
            Tail::Same => vec![Splice::insert(end, format!("{separator}{}", texts.join(&separator)))],
        }
    }

    fn behind_commas(&self, texts: &[String]) -> String {
        texts.iter().flat_map(|text| [&self.comma, text.as_str()]).collect()
    }

    /// Before the first child.
    fn before(&self, tree: &Tree<'_>, id: Id, first: usize, added: &[Added<'_>]) -> Splice {
        let broken = broken(tree, id, first);
        let texts = self.texts(tree, id, broken.as_ref(), added);
        let comma = match &broken {
            Some(broken) => format!(",{}{}", broken.ending, broken.indentation),
            None => self.comma.clone(),
        };
        let text = texts.iter().flat_map(|text| [text.as_str(), &comma]).collect::<String>();
        Splice::insert(first, text)
    }

    /// Between brackets that have nothing between them.
    fn fill(&self, tree: &Tree<'_>, id: Id, added: &[Added<'_>]) -> Result<Vec<Splice>, Reason> {
        let node = tree.node(id);
        let inside = node.span.end..node.end - 1;
        let text = &tree.text[inside.clone()];
        if !text.trim().is_empty() {
            return Err(Reason::Layout { line: tree.line(node.span.start) });
        }
        let broken = self.as_around(tree, id);
        let texts = self.texts(tree, id, broken.as_ref(), added);
        let filled = match &broken {
            Some(broken) => {
                let outer = line_indentation(&tree.text, node.span.start);
                let line = format!("{}{}", broken.ending, broken.indentation);
                format!("{line}{}{}{outer}", texts.join(&format!(",{line}")), broken.ending)
            }
            None if node.is_mapping() => format!("{}{}{}", self.pad, texts.join(&self.comma), self.pad),
            None => texts.join(&self.comma),
        };
        Ok(vec![Splice::replace(inside, filled)])
    }

    /// How an empty collection is to be broken: in JSON as the one that it is in.
    fn as_around(&self, tree: &Tree<'_>, id: Id) -> Option<Broken> {
        let parent = tree.node(id).parent.filter(|parent| tree.is_json && is_broken(tree, *parent))?;
        let first = extents(tree, parent).next()?.0;
        let around = broken(tree, parent, first)?;
        let outer = line_indentation(&tree.text, tree.node(id).span.start);
        Some(Broken { indentation: format!("{outer}{}", around.unit), ..around })
    }
}

/// Whether what is added to a collection is spread over lines: as the collections in it, else as itself in JSON.
fn spreads(tree: &Tree<'_>, id: Id) -> bool {
    let mut inner = children(tree, id).filter(|child| children(tree, *child).next().is_some()).peekable();
    match inner.peek() {
        Some(_) => inner.any(|child| is_broken(tree, child)),
        None => tree.is_json,
    }
}

/// What follows a child on its line.
enum Tail {
    /// Its comma, and at most a comment: where the line ends.
    Comma(usize),
    /// No comma, as nothing follows but the end of the collection on another line: where the line ends.
    None(usize),
    /// Something else.
    Same,
}

// === impl Tail ===

impl Tail {
    fn of(text: &Text<'_>, end: usize, follows: usize) -> Self {
        let line_end = text.end(end);
        if line_end >= follows {
            return Self::Same;
        }
        let rest = text[end..line_end].trim_start();
        match rest.strip_prefix(',') {
            Some(rest) if is_comment(rest) => Self::Comma(line_end),
            None if is_comment(rest) && !has_comma(&text[line_end..follows]) => Self::None(line_end),
            _ => Self::Same,
        }
    }
}

/// Whether a rest of a line is a comment or nothing.
fn is_comment(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with('#')
}

/// Whether lines have a comma outside of their comments.
fn has_comma(text: &str) -> bool {
    text.lines().any(|line| line.split('#').next().is_some_and(|code| code.contains(',')))
}
