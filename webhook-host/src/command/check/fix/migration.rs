//! The note on an object that exists already. `--fix` does not change it, because a changed manifest moves no files.

use ordinance_report::{CheckedObject, StoredSign};
use std::fmt::Write;

/// Returns the note with the policy's migration steps, or `None` if the object is new.
pub(super) fn note(checked: &CheckedObject<'_>) -> Option<String> {
    let sign = match checked.stored? {
        StoredSign::Uid => "it has metadata.uid",
        StoredSign::State => "--state has it",
    };
    let mut note =
        format!("exists already ({sign}), so nothing is written: no file would move with it");
    if !checked.migration.is_empty() {
        note.push_str(". To migrate it:");
    }
    for (index, step) in checked.migration.iter().enumerate() {
        let _ = write!(note, "\n  {}. {step}", index + 1);
    }
    Some(note)
}
