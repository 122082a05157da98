//! `--fix` and `--diff`: writes patches and fixes into manifests, or shows what would be written.
//!
//! A change may affect other objects, so all manifests are reviewed again after each round of changes, until a round changes
//! nothing. Only then are files written. An object whose changes never end stays as it was. The remaining findings are
//! reported as without `--fix`.

mod changes;
mod migration;
mod write;

use super::input::{Input, InputFile};
use super::progress::Progress;
use super::report::{ReportFormat, exit_code, style};
use super::reviewer::ManifestReviewer;
use super::stored::StoredObjects;
use crate::admission::Admission;
use crate::command::exit::Exit;
use crate::command::output::{self, CommonArgs, print};
use crate::command::policies::ServedPolicy;
use crate::config::State;
use crate::limits::Limits;
use anyhow::{Result, ensure};
use ordinance_amend::{ObjectChanges, amend};
use ordinance_report::{CheckReport, CheckedObject, TextOrigin, printable, text};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};
use write::{OriginalTexts, WriteSummary, print_diff, write_files};

/// The largest number of rounds. A set and its claims need about three: a sub-path, its variables, the claims' annotations.
const ROUNDS: usize = 8;

/// The note if nothing says what exists already, without its end.
const TAKEN_AS_NEW: &str = "note: without --state, objects without metadata.uid are taken as new";

/// What that means for the built-in policy.
const FILES_OF_OLD: &str = ": if a set runs already, its pods will not see their files; \
                            kubectl get statefulsets,pvc,pv,storageclasses -A -o yaml prints a state";

/// The note if an object may exist although the state does not have it.
const INCOMPLETE_STATE: &str =
    "note: no manifest is changed, since the state has errors: what it lacks may exist";

/// Why an object is left as it is although the policy has changes for it.
const ENDLESS: &str = "the policy changes it again and again, which is an error in the policy";

/// Why an object of a chart or a kustomization is left as it is.
const RENDERED: &str =
    "it is rendered; change the chart's templates and values, or what the kustomization lists";

/// Why a file that is reached by a link is left as it is.
const LINK: &str = "it is reached by a link, through which --fix does not write; name the file itself";

/// What to do with the fixed manifests, and how to report the remaining findings.
pub(super) struct FixOptions<'a> {
    pub(super) mode: FixMode,
    pub(super) format: ReportFormat,
    /// The namespace of objects that name none.
    pub(super) namespace: &'a str,
    /// Whether the report goes to stderr, because stdout is reserved for manifests or a diff.
    pub(super) reserves_stdout: bool,
    /// Whether `--state` says what exists already.
    pub(super) has_state: bool,
    /// Whether the policy is the built-in one.
    pub(super) is_built_in: bool,
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
    warnings: Vec<WrittenWarning>,
}

/// A warning about what `--fix` writes. Once it is written, a review has no reason for it any more.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct WrittenWarning {
    place: String,
    /// Kind, namespace and name of the object.
    object: String,
    text: String,
}

/// Objects: the positions of their files in the input, and their positions within the files.
type ObjectPositions = BTreeSet<(usize, usize)>;

/// Fixes the manifests round by round, writes them or prints the diff, and reports the remaining findings.
pub(super) fn run(
    options: &FixOptions<'_>,
    policy: &ServedPolicy,
    state: &State,
    progress: Progress,
    mut input: Input,
) -> Result<Exit> {
    input.leave_out_links();
    // The objects that are left as they are, since their changes never end.
    let mut endless = ObjectPositions::new();
    let stored = StoredObjects::new(state, policy);
    loop {
        let mut originals = OriginalTexts::new();
        let mut changed = ObjectPositions::new();
        let mut warnings = BTreeSet::new();
        for _ in 0..ROUNDS {
            let policy = policy.reset(&state.objects)?;
            let report =
                ManifestReviewer::new(&policy, &stored, &Limits::default(), &progress).report(&input)?;
            let files = match stored.is_incomplete() {
                true => vec![FixedFile::of_incomplete_state()],
                false => fix_files(&input, &report, &endless),
            };
            if files.iter().all(|file| file.text.is_none()) {
                drop(progress);
                let notes = files.into_iter().flat_map(|file| file.notes);
                let notes = unrepeated(&report, warnings).into_iter().chain(notes).collect();
                return options.finish(&input, &originals, &report, notes);
            }
            drop(report);
            warnings.extend(files.iter().flat_map(|file| file.warnings.iter().cloned()));
            changed = options.replace_texts(&mut input, &mut originals, files, &policy.admission);
            progress.add_found(input.objects().count());
        }
        // Begin again without the objects that still change. There are fewer each time, so this ends.
        ensure!(
            !changed.is_empty(),
            "nothing is written: the texts change in every round, the objects do not"
        );
        endless.append(&mut changed);
        for (position, text) in originals {
            let Some(file) = input.files.get_mut(position) else { continue };
            file.replace(text, options.namespace, &policy.admission);
        }
    }
}

/// Returns a line for each warning that the report does not have.
fn unrepeated(report: &CheckReport<'_>, warnings: BTreeSet<WrittenWarning>) -> Vec<String> {
    let mut shown: HashMap<String, Vec<&String>> = HashMap::new();
    for checked in report.objects.iter().filter(|checked| !checked.message.warnings.is_empty()) {
        shown.entry(checked.title()).or_default().extend(&checked.message.warnings);
    }
    let is_repeated = |warning: &WrittenWarning| {
        shown.get(&warning.object).is_some_and(|warnings| warnings.contains(&&warning.text))
    };
    let new = warnings.into_iter().filter(|warning| !is_repeated(warning));
    new.map(|WrittenWarning { place, object, text }| {
        printable(&format!("warning: {place}: {object}: {text}"))
    })
    .collect()
}

/// Returns the fixed text of every file, in order. Files are edited in parallel.
fn fix_files(input: &Input, report: &CheckReport<'_>, endless: &ObjectPositions) -> Vec<FixedFile> {
    let mut rest = &report.objects[..];
    let files = input.files.iter().enumerate().map(|(position, file)| {
        let (own, later) = rest.split_at(file.objects.len());
        rest = later;
        let endless = endless.range((position, 0)..=(position, usize::MAX)).map(|(_, object)| *object);
        (file, own, endless.collect())
    });
    let files: Vec<(&InputFile, &[CheckedObject<'_>], Vec<usize>)> = files.collect();
    files.into_par_iter().map(|(file, objects, endless)| FixedFile::new(file, objects, &endless)).collect()
}

// === impl FixOptions ===

impl FixOptions<'_> {
    /// Gives the files their fixed texts, keeps the original ones, and returns the objects that changed.
    fn replace_texts(
        &self,
        input: &mut Input,
        originals: &mut OriginalTexts,
        fixed: Vec<FixedFile>,
        admission: &Admission,
    ) -> ObjectPositions {
        let mut changed = ObjectPositions::new();
        for (position, (file, fixed)) in input.files.iter_mut().zip(fixed).enumerate() {
            let Some(text) = fixed.text else { continue };
            let old = file.replace(text, self.namespace, admission);
            changed.extend(file.changed_since(&old).map(|object| (position, object)));
            originals.entry(position).or_insert(old.text);
        }
        changed
    }

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
        if !self.has_state && !summary.changed.is_empty() {
            let meaning = if self.is_built_in { FILES_OF_OLD } else { "" };
            text.push_str(&format!("{TAKEN_AS_NEW}{meaning}\n"));
        }
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
    /// Returns no fixed text, and a note that says why.
    fn of_incomplete_state() -> Self {
        Self { notes: vec![INCOMPLETE_STATE.to_owned()], ..Self::default() }
    }

    fn new(file: &InputFile, objects: &[CheckedObject<'_>], endless: &[usize]) -> Self {
        let (mut fixed, mut changes) = (Self::default(), Vec::new());
        for (position, checked) in objects.iter().enumerate() {
            if endless.contains(&position) {
                fixed.note_unchanged(&title(checked), ENDLESS);
            } else {
                changes.extend(fixed.changes_of(checked));
            }
        }
        if !changes.is_empty() {
            fixed.edit(file, objects, &changes);
        }
        if fixed.text.is_some() && file.is_behind_link() {
            return Self::of_link(file);
        }
        fixed
    }

    /// Returns no fixed text, and a note that names the file itself.
    fn of_link(file: &InputFile) -> Self {
        let mut fixed = Self::default();
        let target = file.target().map(|target| format!(": {}", target.display())).unwrap_or_default();
        fixed.note_unchanged(&printable(&file.name), &printable(&format!("{LINK}{target}")));
        fixed
    }

    /// Edits the text of the file. Notes the objects that can't be edited.
    fn edit(&mut self, file: &InputFile, objects: &[CheckedObject<'_>], changes: &[ObjectChanges]) {
        let edited = match amend(&file.text, changes) {
            Ok(edited) => edited,
            Err(reason) => return self.note_unchanged(&printable(&file.name), &reason.to_string()),
        };
        for left in edited.unchanged {
            let index = objects.binary_search_by_key(&left.start, |checked| checked.object.bytes.start);
            let object = index.ok().and_then(|index| objects.get(index));
            let title = object.map_or_else(|| printable(&file.name), title);
            self.note_unchanged(&title, &left.reason.to_string());
        }
        self.text = Some(edited.text).filter(|text| *text != file.text);
    }

    /// Returns the changes of an object, or `None` if there are none or if the object is stored already.
    fn changes_of(&mut self, checked: &CheckedObject<'_>) -> Option<ObjectChanges> {
        let changes = changes::of(checked);
        let changes = changes.map_err(|reason| self.note_unchanged(&title(checked), &reason)).ok()?;
        if changes.is_empty() && checked.migration.is_empty() {
            return None;
        }
        match migration::note(checked) {
            Some(note) => {
                self.notes.push(format!("note: {}: {note}", title(checked)));
                None
            }
            None if checked.origin == TextOrigin::Rendered => {
                self.note_unchanged(&title(checked), RENDERED);
                None
            }
            None => {
                self.warnings.extend(checked.message.warnings.iter().map(|text| WrittenWarning {
                    place: checked.place(),
                    object: checked.title(),
                    text: text.clone(),
                }));
                Some(ObjectChanges { start: checked.object.bytes.start, changes })
            }
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
