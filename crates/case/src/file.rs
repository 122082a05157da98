//! The files of cases: finds them, and checks a build against one.

use crate::bless::bless;
use crate::case::Case;
use crate::run::{Build, run};
use crate::yaml;
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

/// Runs one case and compares whole verdicts.
///
/// # Errors
///
/// The file is not a case, the build gives no verdict, or the verdicts differ: then the error is a line-by-line diff.
pub fn check_file(path: &Path, build: &dyn Build, blessing: Bless) -> Result<(), String> {
    if path.extension().is_none_or(|extension| extension != "yaml") {
        return Err("not a case: a case's name ends in .yaml".to_owned());
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let case = Case::parse(&text).map_err(|error| error.to_string())?;
    if !case.partial.is_empty() || !case.race.is_empty() || case.skip.is_some() {
        return Err(
            "expects less than whole verdicts, or is a race: only `ordinance test` runs it".to_owned()
        );
    }
    let verdicts = run(&case, build)?;
    match (case.expect, blessing) {
        (Some(expect), _) if expect == verdicts => Ok(()),
        (_, Bless::Yes) => fs::write(path, bless(&text, &verdicts)?).map_err(|error| error.to_string()),
        (Some(expect), Bless::No) => Err(format!("{}\n{}", case.why, yaml::difference(&expect, &verdicts))),
        (None, Bless::No) => Err("the case has no `expect`: BLESS=1 writes it".to_owned()),
    }
}
