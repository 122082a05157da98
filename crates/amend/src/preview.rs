//! The edits of one object, for showing them: only that part of the text is parsed.
//!
//! The edits are those of [`amend()`](crate::amend()), but they are not verified. An anchor that other objects share is
//! changed as if only this object used it. The indentation of a list around the object is not considered.

use crate::change::FieldChange;
use crate::draft::DraftedChanges;
use crate::error::AmendError;
use crate::parse::{self, Excerpt};
use crate::render;
use crate::splice::Splice;
use ordinance_manifests::{BYTE_ORDER_MARK, Manifest};
use serde::de::IgnoredAny;

/// Returns the edits that make the changes to an object, in the order of the text.
///
/// Costs one pass over the object.
///
/// # Errors
///
/// If the object cannot be changed, or not without a part of the text outside it.
pub fn splices(text: &str, object: &Manifest, changes: &[FieldChange]) -> Result<Vec<Splice>, AmendError> {
    let (offset, excerpt) = excerpt(text, object).ok_or(AmendError::Unverified)?;
    let line = usize::try_from(object.line).unwrap_or(usize::MAX);
    let tree = parse::excerpt(excerpt, line)?;
    let node = tree.mapping_at(object.bytes.start - offset).ok_or(AmendError::Unverified)?;
    let mut draft = DraftedChanges::new(&tree);
    changes.iter().try_for_each(|change| draft.apply(0, node, change))?;
    let in_text = |Splice { at, text }| Splice { at: offset + at.start..offset + at.end, text };
    Ok(render::splices(&tree, &draft)?.into_iter().map(in_text).collect())
}

/// The lines of an object, with their offset in the text.
fn excerpt<'t>(text: &'t str, object: &Manifest) -> Option<(usize, Excerpt<'t>)> {
    let (own, bytes) = (text.get(object.bytes.clone())?, &object.bytes);
    let start = start_of_lines(text, bytes.start);
    let is_flow = own.starts_with('{');
    let end = end_of_comments(text, bytes.end);
    let excerpt = Excerpt {
        text: text.get(start..end)?,
        parsed: 0..if is_flow { bytes.end } else { end } - start,
        is_json: is_flow && serde_json::from_str::<IgnoredAny>(own).is_ok(),
    };
    Some((start, excerpt))
}

/// Where the line of an object begins if only dashes precede it there; else where the object begins.
fn start_of_lines(text: &str, start: usize) -> usize {
    let before = text[..start].trim_end_matches([' ', '\t', '-']);
    let begins_line = before.is_empty() || before.ends_with(['\n', BYTE_ORDER_MARK]);
    if begins_line { before.len() } else { start }
}

/// Where the blank lines and comments after an object end.
fn end_of_comments(text: &str, mut end: usize) -> usize {
    while is_blank(&text[end..]) {
        end = text[end..].find('\n').map_or(text.len(), |feed| end + feed + 1);
    }
    end
}

/// Whether the first line of a text is blank or a comment; false for an empty text.
fn is_blank(text: &str) -> bool {
    let rest = text.trim_start_matches([' ', '\t', '\r']);
    rest.starts_with(['\n', '#']) || rest.is_empty() && !text.is_empty()
}
