//! A large `List` in the form that kubectl writes, cut into runs of items that are read in parallel.
//!
//! kubectl writes `items` in block style, each item from a line that begins with `- `, and the list's `kind` after them. A cut at such a
//! line may be wrong, e.g. within a quoted text. So each part has to be complete by itself, without an anchor; otherwise the text is
//! read as a whole, with the same result.

use super::chunk::Chunk;
use super::document::{Documents, SoleValue};
use crate::kind::{DocumentPart, is_list_kind};
use crate::manifest::{KindFilter, ReadObjects};
use rayon::prelude::*;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// How far into a document its `items` may begin, in bytes.
const HEAD_BYTES: usize = 4 * 1024;

/// The texts of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CutList<'t> {
    /// The members before `items`, and the first items.
    head: Chunk<'t>,
    /// The other items.
    runs: Vec<Chunk<'t>>,
    /// The members after `items`; empty if there are none.
    tail: Chunk<'t>,
}

/// The members of a list that say what its items are.
#[derive(Debug, PartialEq, Eq)]
struct ListMembers {
    api_version: Option<String>,
    kind: Option<String>,
}

/// Reads the objects of a list in runs of at least `size` bytes. Returns `None` if the text has to be read as a whole.
pub(super) fn read(
    chunk: Chunk<'_>,
    size: usize,
    namespace: &str,
    wanted: KindFilter<'_>,
) -> Option<ReadObjects> {
    let list = cut(chunk, size)?;
    let head = Documents::new(list.head).sole_mapping()?;
    let members = ListMembers::of(&head, list.tail)?;
    let objects_of = |value: SoleValue| {
        let mut found = ReadObjects::default();
        members.list_of(&value)?.collect(namespace, wanted, &mut found);
        Some(found)
    };
    let read_run = |run: &Chunk<'_>| objects_of(Documents::new(*run).sole_sequence()?);
    let runs: Vec<ReadObjects> = list.runs.par_iter().map(read_run).collect::<Option<_>>()?;
    let mut found = objects_of(head)?;
    runs.into_iter().for_each(|run| found.append(run));
    Some(found)
}

/// Cuts a document that looks like a list, or returns `None`.
fn cut(chunk: Chunk<'_>, size: usize) -> Option<CutList<'_>> {
    let text = chunk.text;
    let beginning = text.get(..text.floor_char_boundary(HEAD_BYTES)).unwrap_or_default();
    if text.len() <= 2 * size || !beginning.starts_with("items:") && !beginning.contains("\nitems:") {
        return None;
    }
    let (items, tail) = chunk.split_at(end_of_items(text)?);
    let (head, mut rest) = items.split_at(item(items.text, size)?);
    let mut runs = Vec::new();
    while let Some(end) = item(rest.text, size) {
        let (run, after) = rest.split_at(end);
        runs.push(run);
        rest = after;
    }
    runs.push(rest);
    Some(CutList { head, runs, tail })
}

/// Returns where the first item after this many bytes begins.
fn item(text: &str, after: usize) -> Option<usize> {
    let from = text.ceil_char_boundary(after);
    text.get(from..)?.find("\n- ").map(|position| from + position + 1)
}

/// Returns where the first line after the last item begins that is not a part of it.
fn end_of_items(text: &str) -> Option<usize> {
    let last = text.rfind("\n- ")? + 1;
    let lines = text.get(last..)?.match_indices('\n').map(|(position, _)| last + position + 1);
    let is_other = |start: &usize| text.as_bytes().get(*start).is_none_or(|byte| !b" \t\r\n#".contains(byte));
    lines.into_iter().find(is_other).or(Some(text.len()))
}

// === impl ListMembers ===

impl ListMembers {
    /// Returns the members of a list from the beginning and the end of its text, or `None` if it isn't a list, or if a member is there
    /// twice.
    fn of(head: &SoleValue, tail: Chunk<'_>) -> Option<Self> {
        let before = Self { api_version: head.api_version(), kind: head.kind() };
        if tail.text.is_empty() {
            return Some(before).filter(Self::is_list);
        }
        let tail = Documents::new(tail).sole_mapping()?;
        let members = Self {
            api_version: before.api_version.or_else(|| tail.api_version()),
            kind: before.kind.or_else(|| tail.kind()),
        };
        let [names, more]: [BTreeMap<String, IgnoredAny>; 2] =
            [serde_json::from_str(head.json()).ok()?, serde_json::from_str(tail.json()).ok()?];
        let is_twice = more.keys().any(|name| names.contains_key(name));
        (!is_twice && members.is_list()).then_some(members)
    }

    /// Returns the list with the items of a part, or `None` if it has none.
    fn list_of<'v>(&self, part: &'v SoleValue) -> Option<DocumentPart<'v>> {
        let list = DocumentPart {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            ..part.document_part()
        };
        list.items.is_some().then_some(list)
    }

    fn is_list(&self) -> bool {
        self.kind.as_deref().is_some_and(is_list_kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 64;

    fn everything(_: &str, _: &str) -> bool {
        true
    }

    fn chunk(text: &str) -> Chunk<'_> {
        Chunk { text, offset: 7, line: 3 }
    }

    fn items(names: &[&str]) -> String {
        let item = |name: &&str| {
            format!("- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: {name}\n    namespace: x\n")
        };
        names.iter().map(item).collect()
    }

    fn in_runs(text: &str) -> Option<ReadObjects> {
        let found = read(chunk(text), SIZE, "default", &everything)?;
        assert_eq!(found, Documents::new(chunk(text)).read("default", &everything), "{text}");
        Some(found)
    }

    const HEAD: &str = "apiVersion: v1\nitems:\n";
    const TAIL: &str = "kind: List\nmetadata:\n  resourceVersion: \"\"\n";

    #[test]
    fn a_list_in_runs_has_the_objects_of_the_whole() {
        let items = items(&["a", "b", "c", "d", "e", "|\n      - f\n\n      - g", "'h\n\n      - i'"]);
        let pods = "kind: PodList\napiVersion: v1\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n"
            .to_owned()
            + &"# comment\n\n- metadata:\n    name: long-enough-to-be-a-run\n".repeat(4);
        for text in [
            format!("{HEAD}{items}{TAIL}"),
            format!("---\n# dump\n{HEAD}{items}{TAIL}...\n"),
            format!("{HEAD}{items}{TAIL}").replace('\n', "\r\n"),
            format!("kind: List\n{HEAD}{items}"),
            format!("{HEAD}{items}# end\n{TAIL}"),
            format!("{HEAD}{items}- kind: Broken\n{TAIL}"),
            format!("{HEAD}{items}- 5\n{TAIL}"),
            pods,
        ] {
            let found = in_runs(&text).unwrap_or_else(|| panic!("not in runs: {text}"));
            assert!(found.objects.len() >= 6, "{text}");
        }
    }

    #[test]
    fn any_other_text_is_read_as_a_whole() {
        let items = items(&["a", "b", "c", "d", "e", "f", "g", "h"]);
        for text in [
            // No list, or none whose members are clear.
            format!("{HEAD}{items}"),
            format!("{HEAD}{items}kind: Pod\n"),
            format!("{HEAD}{items}kind: [List]\n"),
            format!("{HEAD}{items}{TAIL}items: []\n"),
            format!("kind: PodList\n{HEAD}{items}{TAIL}"),
            format!("{HEAD}{items}{TAIL}---\nkind: Pod\n"),
            format!("{HEAD}{}{TAIL}", items.replace("- ", "  - ").replace("\n  ", "\n    ")),
            // A line that begins as an item, but is a part of one.
            format!(
                "{HEAD}{items}- apiVersion: v1\n  kind: Pod\n  note: \"{}\"\n{items}{TAIL}",
                "\n- text".repeat(40)
            ),
            format!("{HEAD}{items}- [{}]\n{items}{TAIL}", "a,\n- b, ".repeat(40)),
            // What depends on another part.
            format!(
                "{HEAD}{}{TAIL}",
                items.replacen("name: a", "name: &n a", 1).replacen("name: h", "name: *n", 1)
            ),
            format!("{HEAD}- &x {{}}\n{items}{TAIL}"),
            // Broken somewhere.
            format!("{HEAD}{items}{TAIL}x: y: z\n"),
            format!("{HEAD}{items}- a: b: c\n{items}{TAIL}"),
            format!("{HEAD}{items}between: 1\n{items}{TAIL}"),
        ] {
            assert_eq!(in_runs(&text), None, "{text}");
        }
    }

    #[test]
    fn a_small_list_and_a_large_object_are_not_cut() {
        let items = items(&["a"]);
        assert_eq!(cut(chunk(&format!("{HEAD}{items}{TAIL}")), 4096), None);
        assert_eq!(cut(chunk(&format!("kind: ConfigMap\ndata: |\n{}", "  - x\n".repeat(100))), SIZE), None);
    }
}
