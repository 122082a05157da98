//! A suite: the files of cases in folders, run in parallel.

use crate::budget::{FUEL_FILE, RecordedFuel};
use crate::policy::TestedPolicy;
use crate::run::{CaseReport, CaseResult, RunOptions, run_file};
use ordinance_contract::INVALID_SETTINGS;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A file of a suite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SuiteFile {
    /// The file.
    pub path: PathBuf,
    /// Its path below the folder, or the path of a single file as it was given.
    pub name: String,
}

/// The results of a run.
#[derive(Clone, Debug, Default)]
pub struct SuiteReport {
    /// The cases, sorted by name.
    pub cases: Vec<CaseReport>,
    /// The rules that the policy describes and that have no finding in any case; empty if that was not asked.
    pub unfired: Vec<String>,
    /// Whether skipped cases are allowed.
    pub allows_skipped: bool,
    /// Problems of the suite as a whole, in one line each.
    pub errors: Vec<String>,
}

/// The numbers of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuiteCounts {
    /// Cases with everything as expected.
    pub passed: usize,
    /// Cases whose verdicts were written into their files.
    pub blessed: usize,
    /// Cases that did not run, for a reason.
    pub skipped: usize,
    /// Cases with a problem.
    pub failed: usize,
    /// Failed cases without an answer to compare.
    pub errors: usize,
}

/// Returns the files of a suite: every file of a folder and below, except `README.md` and the recorded fuel; or one file.
///
/// # Errors
///
/// A folder can't be read.
pub fn suite_files(path: &Path) -> std::io::Result<Vec<SuiteFile>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![SuiteFile { path: path.to_owned(), name: path.display().to_string() }]);
    }
    let files = ordinance_case::files(path)?;
    let recorded = path.join(FUEL_FILE);
    let name = |file: &Path| file.strip_prefix(path).unwrap_or(file).display().to_string();
    let files = files.into_iter().filter(|file| *file != recorded);
    Ok(files.map(|file| SuiteFile { name: name(&file), path: file }).collect())
}

/// Runs files in parallel, on the threads of the current pool of rayon, and calls `done` after each.
pub fn run_suite(
    policy: &dyn TestedPolicy,
    files: &[SuiteFile],
    options: RunOptions<'_>,
    done: &(dyn Fn(&CaseReport) + Sync),
) -> SuiteReport {
    let run = |file: &SuiteFile| {
        let report = run_file(policy, &file.path, &file.name, options);
        done(&report);
        report
    };
    SuiteReport { cases: files.par_iter().map(run).collect(), ..SuiteReport::default() }
}

// === impl SuiteReport ===

impl SuiteReport {
    /// Finds the rules that never fired.
    pub fn find_unfired(&mut self, policy: &dyn TestedPolicy) {
        let fired: BTreeSet<&String> = self.cases.iter().flat_map(|case| &case.fired).collect();
        let rules = policy.description().rules.iter();
        let is_unfired = |rule: &String| rule != INVALID_SETTINGS && !fired.contains(rule);
        self.unfired = rules.map(|rule| rule.id.clone()).filter(is_unfired).collect();
    }

    /// Returns the numbers of the run.
    pub fn counts(&self) -> SuiteCounts {
        let mut counts = SuiteCounts::default();
        for case in &self.cases {
            match case.result {
                CaseResult::Passed => counts.passed += 1,
                CaseResult::Blessed => counts.blessed += 1,
                CaseResult::Skipped(_) => counts.skipped += 1,
                CaseResult::Failed(_) => counts.failed += 1,
            }
            counts.errors += usize::from(case.has_error());
        }
        counts
    }

    /// Returns whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.counts().failed == 0
            && self.unfired.is_empty()
            && self.errors.is_empty()
            && !self.is_incomplete()
    }

    /// Returns whether a case was skipped and should not have been.
    pub(crate) fn is_incomplete(&self) -> bool {
        !self.allows_skipped && self.counts().skipped > 0
    }

    /// Returns whether something could not be judged.
    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty() || self.counts().errors > 0
    }

    /// Returns the fuel of the suite's cases together; `None` if none was counted.
    pub fn fuel(&self) -> Option<u64> {
        let counted: Vec<u64> = self.cases.iter().filter_map(|case| case.fuel).collect();
        (!counted.is_empty()).then(|| counted.iter().sum())
    }

    /// Writes the fuel of the cases into the folder of the suite. Returns their number.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub fn record_fuel(&self, directory: &Path) -> Result<usize, String> {
        RecordedFuel::write(directory, &self.cases)
    }
}
