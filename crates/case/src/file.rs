//! Cases on disk: which files are cases, and whether one holds.

use crate::bless::bless;
use crate::format::Case;
use crate::run::{Build, run};
use serde::Serialize;
use similar::TextDiff;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What happens to a case whose answers are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bless {
    /// It fails.
    No,
    /// They are written into its file.
    Yes,
}

/// Every file below a directory but the READMEs, sorted. Which of them is no case shows when it is checked.
///
/// # Errors
///
/// A directory that can't be read.
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
/// What is wrong with the file, why there is no verdict, or the difference line by line.
pub fn check_file(path: &Path, build: &dyn Build, blessing: Bless) -> Result<(), String> {
    if path.extension().is_none_or(|extension| extension != "yaml") {
        return Err("not a case: a case's name ends in .yaml".to_owned());
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let case = Case::parse(&text).map_err(|error| error.to_string())?;
    let answers = run(&case, build)?;
    match (case.expect, blessing) {
        (Some(expect), _) if expect == answers => Ok(()),
        (_, Bless::Yes) => fs::write(path, bless(&text, &answers)?).map_err(|error| error.to_string()),
        (Some(expect), Bless::No) => Err(format!("{}\n{}", case.why, difference(&expect, &answers))),
        (None, Bless::No) => Err("the case has no `expect`: BLESS=1 writes it".to_owned()),
    }
}

/// The lines that were expected (`-`) and answered (`+`), with some around them.
pub(crate) fn difference(expect: &impl Serialize, answers: &impl Serialize) -> String {
    let (expect, answers) = (yaml(expect), yaml(answers));
    TextDiff::from_lines(&expect, &answers).unified_diff().header("expected", "answered").to_string()
}

/// In the form of the files.
pub(crate) fn yaml(answers: &impl Serialize) -> String {
    serde_saphyr::to_string(answers).unwrap_or_else(|error| format!("# {error}\n"))
}
