//! What is to be added to one object, for showing it: that part of the text is parsed and no more.
//!
//! It is placed and written as [`amend()`](crate::amend()) does, and not verified. What an anchor writes for others too is
//! shown as if it were for this object alone; how a list of objects is indented is not seen from within.

use crate::amend::MARK;
use crate::change::Change;
use crate::draft::Draft;
use crate::place;
use crate::reason::Reason;
use crate::splice::Splice;
use crate::tree::{Own, Tree};
use ordinance_manifests::Manifest;
use serde::de::IgnoredAny;

/// What changes in a text if an object in it is changed, in the order of the text; of what goes to one place the first
/// comes first.
///
/// Costs a pass over the object.
///
/// # Errors
///
/// Why the object can't be changed, or not by itself.
pub fn splices(text: &str, object: &Manifest, changes: &[Change]) -> Result<Vec<Splice>, Reason> {
    let (begins, own) = own(text, object).ok_or(Reason::Unverified)?;
    let line = usize::try_from(object.line).unwrap_or(usize::MAX);
    let tree = Tree::parse_own(own, line)?;
    let node = tree.mapping_at(object.bytes.start - begins).ok_or(Reason::Unverified)?;
    let mut draft = Draft::new(&tree);
    changes.iter().try_for_each(|change| draft.apply(0, node, change))?;
    let in_text = |Splice { at, text }| Splice { at: begins + at.start..begins + at.end, text };
    Ok(place::splices(&tree, &draft)?.into_iter().map(in_text).collect())
}

/// Where an object stands, and where that begins in the text.
fn own<'t>(text: &'t str, object: &Manifest) -> Option<(usize, Own<'t>)> {
    let (written, bytes) = (text.get(object.bytes.clone())?, &object.bytes);
    let begins = beginning(text, bytes.start);
    let is_flow = written.starts_with('{');
    let ends = end(text, bytes.end);
    let own = Own {
        text: text.get(begins..ends)?,
        part: 0..if is_flow { bytes.end } else { ends } - begins,
        is_json: is_flow && serde_json::from_str::<IgnoredAny>(written).is_ok(),
    };
    Some((begins, own))
}

/// Where the line of an object begins, if that holds nothing else than the dashes of lists; else the object.
fn beginning(text: &str, start: usize) -> usize {
    let before = text[..start].trim_end_matches([' ', '\t', '-']);
    let begins_line = before.is_empty() || before.ends_with(['\n', MARK]);
    if begins_line { before.len() } else { start }
}

/// Where the lines behind an object end that are empty or comments.
fn end(text: &str, mut end: usize) -> usize {
    while is_blank(&text[end..]) {
        end = text[end..].find('\n').map_or(text.len(), |feed| end + feed + 1);
    }
    end
}

/// Whether the first line of a text, of which there has to be one, is empty or a comment.
fn is_blank(text: &str) -> bool {
    let rest = text.trim_start_matches([' ', '\t', '\r']);
    rest.starts_with(['\n', '#']) || rest.is_empty() && !text.is_empty()
}
