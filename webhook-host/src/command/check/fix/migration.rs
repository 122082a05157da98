//! The note on an object that exists already. `--fix` does not change it, because a changed manifest moves no files.

use ordinance_report::{CheckedObject, StoredSign};

/// Returns the note, or `None` if the object is new. The report has the steps of a migration.
pub(super) fn note(checked: &CheckedObject<'_>) -> Option<String> {
    let sign = match checked.stored? {
        StoredSign::Uid => "it has metadata.uid",
        StoredSign::State => "--state has it",
    };
    Some(format!("exists already ({sign}), so nothing is written: no file would move with it"))
}
