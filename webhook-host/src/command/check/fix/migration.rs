//! The note on an object that is stored already. `--fix` does not change it, because a changed manifest moves no files.

use ordinance_manifests::Manifest;
use ordinance_report::CheckedObject;
use serde::Deserialize;
use std::fmt::Write;

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredObject {
    metadata: StoredMetadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredMetadata {
    uid: Option<String>,
}

/// Returns the note with the policy's migration steps, or `None` if the object is new.
pub(super) fn note(checked: &CheckedObject<'_>) -> Option<String> {
    if !is_stored(checked.object) {
        return None;
    }
    let mut note = String::from(
        "exists already (it has metadata.uid), so nothing is written: no file would move with it",
    );
    if !checked.migration.is_empty() {
        note.push_str(". To migrate it:");
    }
    for (index, step) in checked.migration.iter().enumerate() {
        let _ = write!(note, "\n  {}. {step}", index + 1);
    }
    Some(note)
}

/// Returns whether the object has a uid. The API server adds one when it stores an object.
fn is_stored(object: &Manifest) -> bool {
    let stored: StoredObject = serde_json::from_str(&object.json).unwrap_or_default();
    stored.metadata.uid.is_some_and(|uid| !uid.is_empty())
}
