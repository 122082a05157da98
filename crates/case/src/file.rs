//! The files of cases: finds them, and checks a build against one.

use crate::bless::bless;
use crate::case::Case;
use crate::expectation::{Mismatch, mismatches};
use crate::race::in_turn;
use crate::run::{Build, run};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Whether to write verdicts that differ from the expected ones into the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bless {
    /// A difference is an error.
    No,
    /// The verdicts replace the expected ones.
    Yes,
}

/// Returns every file below a directory except `README.md`, sorted. [`check_file`] refuses a file that is not a case.
///
/// # Errors
///
/// A directory can't be read.
pub fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.append(&mut self::files(&entry.path())?);
        } else if entry.file_name() != "README.md" {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Runs one case and compares the answers with what it expects. The requests of a race arrive one after the other, in every order;
/// `ordinance-suite` interleaves them.
///
/// # Errors
///
/// The file is not a case or is skipped, the build gives no verdict, or the answers differ: then the error has a line-by-line diff.
pub fn check_file(path: &Path, build: &dyn Build, blessing: Bless) -> Result<(), String> {
    if path.extension().is_none_or(|extension| extension != "yaml") {
        return Err("not a case: a case's name ends in .yaml".to_owned());
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let case = Case::parse(&text).map_err(|error| error.to_string())?;
    if let Some(reason) = &case.skip {
        return Err(format!("the case is skipped: {reason}"));
    }
    // Whether the policy is asked is a matter of its description, which a build does not have.
    if case.partial.asked == Some(false) {
        return Ok(());
    }
    if !case.race.is_empty() {
        return reported(&case, &in_turn(&case, build)?);
    }
    let verdicts = run(&case, build)?;
    let found = mismatches(&case, build, &verdicts)?;
    if blessing == Bless::Yes && case.partial.is_empty() && !found.is_empty() {
        return fs::write(path, bless(&text, &verdicts)?).map_err(|error| error.to_string());
    }
    reported(&case, &found)
}

/// Returns what is wrong with the answers to a case as an error.
fn reported(case: &Case, found: &[Mismatch]) -> Result<(), String> {
    if found.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = found.iter().map(Mismatch::text).collect();
    Err(format!("{}\n{}", case.why, texts.join("\n")))
}
