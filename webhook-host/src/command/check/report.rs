//! Makes the report of reviewed manifests, formats it, and derives the exit code from it.

use super::input::Input;
use super::notes;
use super::progress::Progress;
use super::reviewer::{Explanations, ManifestReviewer};
use super::stored::StoredObjects;
use crate::command::exit::Exit;
use crate::command::manifest_args::ManifestArgs;
use crate::command::output::{self, CommonArgs};
use crate::command::policies::ServedPolicy;
use crate::config::NAMESPACE;
use crate::limits::Limits;
use anyhow::Result;
use clap::ValueEnum;
use ordinance_manifests::{PathGlobs, Rendering, search};
use ordinance_report::{AdmissionOutcome, CheckReport, ReportStyle, Verbosity, json, junit, sarif, text};
use std::path::PathBuf;

/// The format of a report.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum ReportFormat {
    /// The lines with findings, what is wrong, and how to fix it
    #[default]
    Text,
    /// For scripts: one object with results, errors and a summary
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// For continuous integration: a suite per file, a case per object
    Junit,
}

/// Reads and reviews the manifests, and passes the report to `use_report`. The report borrows the manifests' text. Neither is freed.
pub(in crate::command) fn with_report<T>(
    manifests: &ManifestArgs,
    policy: &ServedPolicy,
    stored: &StoredObjects<'_>,
    explanations: Explanations,
    common: CommonArgs,
    use_report: impl FnOnce(&CheckReport<'_>) -> Result<T>,
) -> Result<T> {
    let (progress, input) = read_input(manifests, policy, common);
    let reviewer = ManifestReviewer::new(policy, stored, &Limits::default(), &progress);
    let report = reviewer.with_explanations(explanations).report(&input)?;
    drop(progress);
    let result = use_report(&report);
    // The process ends soon, and the system then frees all memory at once: some 3 % of the time for 10 000 manifests.
    std::mem::forget(report);
    std::mem::forget(input);
    result
}

/// Reads the manifests and shows the progress. Warns if they contain no object.
pub(super) fn read_input(
    manifests: &ManifestArgs,
    policy: &ServedPolicy,
    common: CommonArgs,
) -> (Progress, Input) {
    let mut progress = Progress::start(!common.quiet);
    let input = Input::read(manifests.search(), &manifests.namespace, &policy.admission, &progress);
    print_notes(&input, &mut progress, common);
    if input.is_empty() && !common.quiet {
        progress.end();
        output::warn("the input contains no object; in directories, *.yaml, *.yml and *.json are read");
    }
    (progress, input)
}

/// Reads the objects of files and directories, without rendering any.
pub(in crate::command) fn read_paths(
    paths: &[PathBuf],
    policy: &ServedPolicy,
    progress: &mut Progress,
    common: CommonArgs,
) -> Input {
    let found = search(paths, &PathGlobs::default(), Rendering::List);
    let input = Input::read(found, NAMESPACE, &policy.admission, progress);
    print_notes(&input, progress, common);
    input
}

/// Prints what is not read of directories.
fn print_notes(input: &Input, progress: &mut Progress, common: CommonArgs) {
    if common.quiet {
        return;
    }
    let notes = notes::notes(&input.unread, common.verbose > 0);
    if !notes.is_empty() {
        progress.pause(|| output::print_to_stderr(&notes));
    }
}

/// Returns the exit code of a report.
pub(in crate::command) fn exit_code(report: &CheckReport<'_>) -> Exit {
    let has_failed = report.objects.iter().any(|object| object.outcome == AdmissionOutcome::Failed);
    if has_failed || !report.errors.is_empty() {
        Exit::Error
    } else if report.objects.iter().all(|object| object.is_admitted()) {
        Exit::Success
    } else {
        Exit::Refused
    }
}

/// Returns the style of a text report.
pub(in crate::command) fn style(common: CommonArgs, is_coloured: bool) -> ReportStyle {
    let verbosity = match (common.quiet, common.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, _) => Verbosity::Verbose,
    };
    ReportStyle { is_coloured, verbosity }
}

// === impl ReportFormat ===

impl ReportFormat {
    /// Formats a report for stdout.
    pub(super) fn format(self, report: &CheckReport<'_>, common: CommonArgs) -> String {
        match self {
            Self::Text => text(report, style(common, common.color.on_stdout())),
            Self::Json => json(report),
            Self::Sarif => sarif(report),
            Self::Junit => junit(report),
        }
    }
}
