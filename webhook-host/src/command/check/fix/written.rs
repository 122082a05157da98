//! Where the new texts go: into their files, to stdout, or as a difference before the eyes of people.

use super::super::input::Input;
use super::Texts;
use crate::command::{CommonArgs, print};
use anyhow::Result;
use ordinance_amend::{DiffColor, diff, save};
use ordinance_manifests::ManifestSource;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What became of the new texts.
#[derive(Default)]
pub(super) struct Written {
    /// The files that changed, or would.
    files: Vec<String>,
    /// Why others did not: a line each.
    pub(super) failed: Vec<String>,
    is_shown: bool,
}

// === impl Written ===

impl Written {
    /// Shows on stdout what would change.
    pub(super) fn shown(input: &Input, before: &Texts, common: CommonArgs) -> Result<Self> {
        let color = if common.color.on_stdout() { DiffColor::Ansi } else { DiffColor::None };
        let mut written = Self { is_shown: true, ..Self::default() };
        let mut shown = String::new();
        for (position, old) in before {
            let Some(file) = input.files.get(*position) else { continue };
            shown.push_str(&diff(&name(file.source.as_ref()), old, &file.text, color));
            written.files.push(file.name.clone());
        }
        print(shown.as_bytes())?;
        Ok(written)
    }

    /// Saves what has changed; what was piped in goes to stdout, changed or not.
    pub(super) fn saved(input: &Input, before: &Texts) -> Result<Self> {
        let mut written = Self::default();
        let mut saved = BTreeMap::new();
        for (position, old) in before {
            let Some(file) = input.files.get(*position) else { continue };
            let Some(ManifestSource::File(path)) = &file.source else { continue };
            match save_once(&mut saved, path, old, &file.text) {
                Ok(()) => written.files.push(file.name.clone()),
                Err(reason) => written.failed.push(format!("error: {} {reason}", file.name)),
            }
        }
        if let Some(file) = input.stdin() {
            print(file.text.as_bytes())?;
        }
        Ok(written)
    }

    /// A line on what was done.
    pub(super) fn summary(&self) -> Option<String> {
        let done = if self.is_shown { "to be fixed" } else { "fixed" };
        (!self.files.is_empty()).then(|| format!("{done}: {}\n", self.files.join(", ")))
    }
}

/// Saves a text, unless that was done under another name of the file.
fn save_once(saved: &mut BTreeMap<PathBuf, String>, path: &Path, old: &str, new: &str) -> Result<(), String> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if saved.get(&target).is_some_and(|text| text == new) {
        return Ok(());
    }
    save(path, old, new).map_err(|error| error.to_string())?;
    saved.insert(target, new.to_owned());
    Ok(())
}

/// A file's name in a difference.
fn name(source: Option<&ManifestSource>) -> String {
    match source {
        Some(ManifestSource::File(path)) => {
            path.display().to_string().trim_start_matches("./").trim_start_matches('/').to_owned()
        }
        _ => "stdin".to_owned(),
    }
}
