//! `--fix` and `--diff`: writes patches and fixes into manifests, or shows what would be written.
//!
//! A change may affect other objects, so all manifests are reviewed again after each round of changes, until a round changes
//! nothing. Only then are files written. The remaining findings are reported as without `--fix`.

mod changes;
mod migration;
mod write;

use super::input::{Input, InputFile};
use super::progress::Progress;
use super::report::{ReportFormat, exit_code, style};
use super::reviewer::ManifestReviewer;
use crate::command::exit::Exit;
use crate::command::output::{self, CommonArgs, print};
use crate::command::policies::ServedPolicy;
use crate::limits::Limits;
use anyhow::{Result, bail};
use ordinance_amend::{ObjectChanges, amend};
use ordinance_manifests::Manifest;
use ordinance_report::{CheckReport, CheckedObject, text};
use rayon::prelude::*;
use write::{OriginalTexts, WriteSummary, print_diff, write_files};

/// The largest number of rounds. A set and its claims need about three: a sub-path, its variables, the claims' annotations.
const ROUNDS: usize = 8;

/// What to do with the fixed manifests, and how to report the remaining findings.
pub(super) struct FixOptions<'a> {
    pub(super) mode: FixMode,
    pub(super) format: ReportFormat,
    /// The namespace of objects that name none.
    pub(super) namespace: &'a str,
    /// Whether the report goes to stderr, because stdout is reserved for manifests or a diff.
    pub(super) reserves_stdout: bool,
    pub(super) common: CommonArgs,
}

/// What to do with the fixed manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FixMode {
    /// Write them.
    Write,
    /// Print how they differ, and write nothing.
    Diff,
}

/// The fixed text of a file, and notes on the objects that are left as they are.
#[derive(Default)]
struct FixedFile {
    /// `None` if nothing changes.
    text: Option<String>,
    notes: Vec<String>,
}

/// Fixes the manifests round by round, writes them or prints the diff, and reports the remaining findings.
pub(super) fn run(
    options: &FixOptions<'_>,
    policy: &ServedPolicy,
    existing: &[Manifest],
    progress: Progress,
    mut input: Input,
) -> Result<Exit> {
    let mut originals = OriginalTexts::new();
    for _ in 0..ROUNDS {
        let policy = policy.reset(existing)?;
        let report = ManifestReviewer::new(&policy, &Limits::default(), &progress).report(&input)?;
        let files = fix_files(&input, &report);
        if files.iter().all(|file| file.text.is_none()) {
            drop(progress);
            let notes: Vec<String> = files.into_iter().flat_map(|file| file.notes).collect();
            return options.finish(&input, &originals, &report, notes);
        }
        drop(report);
        let texts = files.into_iter().map(|file| file.text).enumerate();
        for (position, text) in texts.filter_map(|(position, text)| Some((position, text?))) {
            let old = input.replace(position, text, options.namespace, &policy.admission);
            old.map(|old| originals.entry(position).or_insert(old));
        }
        progress.add_found(input.objects().count());
    }
    bail!("nothing is written: after {ROUNDS} rounds the policy still changes what it changed before")
}

/// Returns the fixed text of every file, in order. Files are edited in parallel.
fn fix_files(input: &Input, report: &CheckReport<'_>) -> Vec<FixedFile> {
    let mut rest = &report.objects[..];
    let files = input.files.iter().map(|file| {
        let (own, later) = rest.split_at(file.objects.len());
        rest = later;
        (file, own)
    });
    let files: Vec<(&InputFile, &[CheckedObject<'_>])> = files.collect();
    files.into_par_iter().map(|(file, objects)| FixedFile::new(file, objects)).collect()
}

// === impl FixOptions ===

impl FixOptions<'_> {
    /// Writes the files or prints the diff, and reports the remaining findings.
    fn finish(
        &self,
        input: &Input,
        originals: &OriginalTexts,
        report: &CheckReport<'_>,
        notes: Vec<String>,
    ) -> Result<Exit> {
        let summary = match self.mode {
            FixMode::Diff => print_diff(input, originals, self.common)?,
            FixMode::Write => write_files(input, originals)?,
        };
        self.print_report(report, &self.notes(notes, &summary))?;
        Ok(if summary.errors.is_empty() { exit_code(report) } else { Exit::Error })
    }

    /// Returns the lines that follow the report.
    fn notes(&self, notes: Vec<String>, summary: &WriteSummary) -> String {
        let lines = notes.iter().chain(&summary.errors);
        let mut text: String = lines.map(|line| format!("{line}\n")).collect();
        if !self.common.quiet && !summary.changed.is_empty() {
            let verb = match self.mode {
                FixMode::Diff => "to be fixed",
                FixMode::Write => "fixed",
            };
            text.push_str(&format!("{verb}: {}\n", summary.changed.join(", ")));
        }
        text
    }

    /// Prints report and notes to stdout. If stdout is reserved, both go to stderr. In a format for programs, only the
    /// notes do.
    fn print_report(&self, report: &CheckReport<'_>, notes: &str) -> Result<()> {
        if self.reserves_stdout {
            let style = style(self.common, self.common.color.on_stderr());
            output::print_to_stderr(&(text(report, style) + notes));
            return Ok(());
        }
        let report = self.format.format(report, self.common);
        match self.format {
            ReportFormat::Text => print((report + notes).as_bytes())?,
            _ => {
                print(report.as_bytes())?;
                output::print_to_stderr(notes);
            }
        }
        Ok(())
    }
}

// === impl FixedFile ===

impl FixedFile {
    fn new(file: &InputFile, objects: &[CheckedObject<'_>]) -> Self {
        let mut fixed = Self::default();
        let changes: Vec<ObjectChanges> =
            objects.iter().filter_map(|checked| fixed.changes_of(checked)).collect();
        if !changes.is_empty() {
            fixed.edit(file, objects, &changes);
        }
        fixed
    }

    /// Edits the text of the file. Notes the objects that can't be edited.
    fn edit(&mut self, file: &InputFile, objects: &[CheckedObject<'_>], changes: &[ObjectChanges]) {
        let edited = match amend(&file.text, changes) {
            Ok(edited) => edited,
            Err(reason) => return self.note_unchanged(&file.name, &reason.to_string()),
        };
        for left in edited.unchanged {
            let index = objects.binary_search_by_key(&left.start, |checked| checked.object.bytes.start);
            let object = index.ok().and_then(|index| objects.get(index));
            let title = object.map_or_else(|| file.name.clone(), title);
            self.note_unchanged(&title, &left.reason.to_string());
        }
        self.text = Some(edited.text).filter(|text| *text != file.text);
    }

    /// Returns the changes of an object, or `None` if there are none or if the object is stored already.
    fn changes_of(&mut self, checked: &CheckedObject<'_>) -> Option<ObjectChanges> {
        let changes = changes::of(checked);
        let changes = changes.map_err(|reason| self.note_unchanged(&title(checked), &reason)).ok()?;
        if changes.is_empty() {
            return None;
        }
        match migration::note(checked) {
            Some(note) => {
                self.notes.push(format!("note: {}: {note}", title(checked)));
                None
            }
            None => Some(ObjectChanges { start: checked.object.bytes.start, changes }),
        }
    }

    fn note_unchanged(&mut self, what: &str, reason: &str) {
        self.notes.push(format!("note: {what}: left as it is: {reason}"));
    }
}

/// Returns the place, the kind and the name of an object.
fn title(checked: &CheckedObject<'_>) -> String {
    format!("{}: {}", checked.place(), checked.title())
}
