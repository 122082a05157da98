//! Writes the fixed texts into their files or to stdout, or prints their differences.

use crate::command::check::input::Input;
use crate::command::output::{CommonArgs, print};
use anyhow::Result;
use ordinance_amend::{DiffColor, diff};
use ordinance_files::{FilePlace, save};
use ordinance_manifests::ManifestSource;
use ordinance_report::printable;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// The original texts of the changed files, by the position of the file in the input.
pub(super) type OriginalTexts = BTreeMap<usize, String>;

/// The files that were changed, or that `--fix` would change.
#[derive(Default)]
pub(super) struct WriteSummary {
    pub(super) changed: Vec<String>,
    /// One line for each file that could not be written.
    pub(super) errors: Vec<String>,
}

/// Prints the differences to stdout and writes no file.
pub(super) fn print_diff(
    input: &Input,
    originals: &OriginalTexts,
    common: CommonArgs,
) -> Result<WriteSummary> {
    let color = if common.color.on_stdout() { DiffColor::Ansi } else { DiffColor::None };
    let mut summary = WriteSummary::default();
    let mut differences = String::new();
    for (position, original) in originals {
        let Some(file) = input.files.get(*position) else { continue };
        differences.push_str(&diff(&diff_name(file.source.as_ref()), original, &file.text, color));
        summary.changed.push(printable(&file.name));
    }
    print(differences.as_bytes())?;
    Ok(summary)
}

/// Writes the changed files. Input from stdin goes to stdout, changed or not.
pub(super) fn write_files(input: &Input, originals: &OriginalTexts) -> Result<WriteSummary> {
    let mut summary = WriteSummary::default();
    let mut saved = BTreeMap::new();
    for (position, original) in originals {
        let Some(file) = input.files.get(*position) else { continue };
        let Some(place) = &file.place else { continue };
        match save_once(&mut saved, place, original, &file.text) {
            Ok(()) => summary.changed.push(printable(&file.name)),
            Err(reason) => summary.errors.push(printable(&format!("error: {} {reason}", file.name))),
        }
    }
    if let Some(file) = input.stdin() {
        print(file.text.as_bytes())?;
    }
    Ok(summary)
}

/// Saves a text, unless it was already saved under another name of the same file.
fn save_once(
    saved: &mut BTreeMap<PathBuf, String>,
    place: &FilePlace,
    old: &str,
    new: &str,
) -> Result<(), String> {
    let path = place.path();
    let target = fs::canonicalize(&path).unwrap_or(path);
    if saved.get(&target).is_some_and(|text| text == new) {
        return Ok(());
    }
    save(place, old, new).map_err(|error| error.to_string())?;
    saved.insert(target, new.to_owned());
    Ok(())
}

/// Returns the name of a file in a diff.
fn diff_name(source: Option<&ManifestSource>) -> String {
    match source {
        Some(ManifestSource::File(path)) => {
            path.display().to_string().trim_start_matches("./").trim_start_matches('/').to_owned()
        }
        _ => "stdin".to_owned(),
    }
}
