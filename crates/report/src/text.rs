//! The report for a terminal: the lines at fault as a compiler shows them, and the remedies.

use crate::{
    AdmissionOutcome, CheckReport, CheckedObject, ReadError, Summary, printable, without_runner_commands,
};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};
use ordinance_amend::{FieldChange, Splice, splices};
use ordinance_contract::{Finding, Scope, Severity, acts};
use ordinance_manifests::Manifest;
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::Range;

/// The style of a text report.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReportStyle {
    /// True for ANSI colours.
    pub is_coloured: bool,
    /// How much the report says.
    pub verbosity: Verbosity,
}

/// How much a report says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Denials and errors only.
    Quiet,
    /// Also warnings, changes, and a summary.
    #[default]
    Normal,
    /// Also notes, and the objects without findings.
    Verbose,
}

/// Lines shown of a region; a longer region is cut.
const LINES: usize = 8;

/// Bytes of a line in which additions are shown, since such a line is shown whole.
const PATCHED_LINE: usize = 400;

/// Bytes of a line before and after the region that is shown; longer lines are named but not shown.
const LINE: usize = 2048;

/// Returns the report as text.
pub fn text(report: &CheckReport<'_>, style: ReportStyle) -> String {
    let drawing = Drawing {
        renderer: if style.is_coloured { Renderer::styled() } else { Renderer::plain() },
        verbosity: style.verbosity,
    };
    let mut out = String::new();
    for error in &report.errors {
        drawing.error(error, &mut out);
    }
    out.extend(drawing.objects(&report.objects));
    if style.verbosity > Verbosity::Quiet {
        out.push_str(&summary(report));
        // Verbose text has each note at its object.
        if style.verbosity < Verbosity::Verbose {
            out.push_str(&report.notes(false));
        }
    }
    without_runner_commands(plain_excerpts(out, style))
}

/// Replaces the characters that act in excerpts of files. The report itself has line breaks, and escape sequences for
/// colours; the renderer has replaced those of excerpts.
fn plain_excerpts(text: String, style: ReportStyle) -> String {
    let is_foreign = |c: char| acts(c) && c != '\n' && (c != '\u{1b}' || !style.is_coloured);
    if text.contains(is_foreign) { text.replace(is_foreign, "\u{fffd}") } else { text }
}

/// Returns the last line of the report.
fn summary(report: &CheckReport<'_>) -> String {
    let Summary { objects, skipped, denied, warned, patched, .. } = report.summary();
    let is_failed = |checked: &&CheckedObject<'_>| checked.outcome == AdmissionOutcome::Failed;
    let (failed, errors) = (report.objects.iter().filter(is_failed).count() as u64, report.errors.len());
    let mut parts = vec![format!("{} judged", counted(objects, "object"))];
    let more = [
        (denied - failed, "denied"),
        (failed, "without a verdict"),
        (warned, "with warnings"),
        (patched, "changed at admission"),
        (skipped, "of other kinds passed over"),
        (errors as u64, "unreadable"),
    ];
    parts.extend(more.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    if denied == 0 && errors == 0 {
        parts.insert(1, "nothing denied".to_owned());
    }
    parts.join(", ") + "\n"
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

struct Drawing {
    renderer: Renderer,
    verbosity: Verbosity,
}

/// A range of whole lines of a text.
struct Window<'t> {
    text: &'t str,
    /// The offset of its first byte in the whole text.
    offset: usize,
    /// The number of its first line, from 1.
    line: usize,
}

// === impl Drawing ===

impl Drawing {
    fn draw(&self, groups: &[Group<'_>], out: &mut String) {
        out.push_str(&self.renderer.render(groups));
        out.push_str("\n\n");
    }

    fn error(&self, error: &ReadError<'_>, out: &mut String) {
        let title = Level::ERROR.primary_title(printable(&error.message));
        let Some(window) = Window::of_line(error.text, error.line) else {
            let origin = origin(error.file, error.line, error.column);
            return self.draw(&[title.element(origin)], out);
        };
        let column = usize::try_from(error.column).unwrap_or(1).saturating_sub(1);
        let at = window.text.char_indices().nth(column).map_or(window.text.trim_end().len(), |(at, _)| at);
        let length = window.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let snippet =
            window.snippet(printable(error.file)).annotation(AnnotationKind::Primary.span(at..at + length));
        self.draw(&[title.element(snippet)], out);
    }

    /// Draws the objects in parallel: to find its lines, the manifest of each is read again.
    fn objects(&self, objects: &[CheckedObject<'_>]) -> Vec<String> {
        let shown = |checked| {
            let mut out = String::new();
            self.object(checked, &mut out);
            out
        };
        objects.par_iter().map(shown).collect()
    }

    fn object(&self, checked: &CheckedObject<'_>, out: &mut String) {
        if checked.outcome == AdmissionOutcome::Failed {
            self.draw(&[group(checked, Level::ERROR, "", printable(&checked.message.message), "")], out);
        }
        for finding in checked.findings_of(Severity::Deny) {
            self.draw(&[found(checked, Level::ERROR, finding)], out);
        }
        if self.verbosity > Verbosity::Quiet {
            self.remarks(checked, out);
            self.migration(checked, out);
        }
    }

    /// Writes the steps that a stored object needs, numbered.
    fn migration(&self, checked: &CheckedObject<'_>, out: &mut String) {
        if checked.migration.is_empty() {
            return;
        }
        let title = format!("to migrate {} ({})", checked.title(), checked.place());
        let title = printable(&title);
        out.push_str(&self.renderer.render(&[Group::with_title(Level::HELP.primary_title(&*title))]));
        for (index, step) in checked.migration.iter().enumerate() {
            out.push_str(&format!("\n  {}. {}", index + 1, printable(step)));
        }
        if let Some(command) = migrate_command(checked.object) {
            out.push_str(&format!("\n  `{}` plans these steps as a script", printable(&command)));
        }
        out.push_str("\n\n");
    }

    /// Draws warnings and notes; the change at admission belongs to the last one.
    fn remarks(&self, checked: &CheckedObject<'_>, out: &mut String) {
        let is_verbose = self.verbosity == Verbosity::Verbose;
        let notes = checked.findings_of(Severity::Note).filter(|_| is_verbose);
        let remarks = checked
            .findings_of(Severity::Warn)
            .map(|finding| found(checked, Level::WARNING, finding))
            .chain(notes.map(|finding| found(checked, Level::NOTE, finding)));
        let mut remarks: Vec<Group<'_>> = remarks.collect();
        let fix = fix(checked);
        let Some(last) = remarks.pop() else {
            return match fix {
                Some(fix) => {
                    let title = group(checked, Level::NOTE, "", "is changed at admission", "");
                    self.draw(&[title, fix], out);
                }
                None => self.without_findings(checked, out),
            };
        };
        for remark in remarks {
            self.draw(&[remark], out);
        }
        self.draw(&[last].into_iter().chain(fix).collect::<Vec<_>>(), out);
    }

    fn without_findings(&self, checked: &CheckedObject<'_>, out: &mut String) {
        if self.verbosity == Verbosity::Verbose && checked.is_admitted() {
            out.push_str(&format!("ok: {} ({})\n\n", checked.title(), checked.place()));
        }
    }
}

/// Returns a position without its line. A file of which nothing could be read has no lines.
fn origin<'t>(file: &str, line: u64, column: u64) -> Origin<'t> {
    let number = |number: u64| usize::try_from(number).unwrap_or(1);
    match (line, column) {
        (1, 1) => Origin::path(printable(file)),
        (line, column) => Origin::path(printable(file)).line(number(line)).char_column(number(column)),
    }
}

/// Draws a finding at its field.
fn found<'r>(checked: &'r CheckedObject<'_>, level: Level<'static>, finding: &'r Finding) -> Group<'r> {
    let title = printable(&format!("{} [{}]", finding.fact, finding.rule));
    let group = group(checked, level, &finding.field, title, &finding.remedy);
    if finding.would_deny { group.element(Level::NOTE.message(WOULD_DENY)) } else { group }
}

/// Below a warning that would be a denial.
const WOULD_DENY: &str = "would be denied if the policy enforced its rules, as with `mode: Enforce`";

/// Draws a text at a field, with its remedy.
fn group<'r>(
    checked: &'r CheckedObject<'_>,
    level: Level<'static>,
    field: &str,
    title: impl Into<Cow<'r, str>>,
    remedy: &'r str,
) -> Group<'r> {
    let region = checked.region(field);
    let group = level.primary_title(title);
    let window = Window::around(checked.text, &region.bytes, region.line);
    // An object that an API server returned has no text.
    let group = match window.filter(|_| !checked.text.is_empty()) {
        Some(window) => group.element(pointed(checked, &window, &region.bytes)),
        None => group
            .element(origin(checked.file, region.line, region.column))
            .element(Level::NOTE.message(checked.title())),
    };
    match remedy {
        "" => group,
        remedy => group.element(Level::HELP.message(printable(remedy))),
    }
}

/// Draws the lines of a region, labelled with the object.
fn pointed<'r>(
    checked: &'r CheckedObject<'_>,
    window: &Window<'r>,
    bytes: &Range<usize>,
) -> Snippet<'r, Annotation<'r>> {
    let end = window.text.split_inclusive('\n').take(LINES).map(str::len).sum::<usize>();
    let bytes = window.within(bytes);
    let span = bytes.start..bytes.end.min(window.text.get(..end).unwrap_or_default().trim_end().len());
    let annotation = AnnotationKind::Primary.span(span).label(checked.title());
    window.snippet(printable(checked.file)).annotation(annotation)
}

/// Draws the additions of the patch, each as it would be written into the file.
fn fix<'r>(checked: &'r CheckedObject<'_>) -> Option<Group<'r>> {
    if !checked.is_patched() {
        return None;
    }
    let title = Level::HELP.secondary_title("at admission it becomes");
    if let Some(patched) = additions(checked).and_then(|additions| patched(checked, additions)) {
        return Some(title.element(patched));
    }
    let operations = checked.patch.iter().map(|operation| {
        let path = operation["path"].as_str().unwrap_or_default();
        Level::NOTE.no_name().message(printable(&format!("{path}: {}", operation["value"])))
    });
    Some(title.elements(operations))
}

/// Draws the lines around additions with the additions; `None` if the lines cannot be shown.
fn patched<'r>(checked: &'r CheckedObject<'_>, additions: Vec<Splice>) -> Option<Snippet<'r, Patch<'r>>> {
    let start = additions.first()?.at.start;
    let end = additions.iter().map(|addition| addition.at.end).max()?;
    let before = checked.text.get(checked.object.bytes.start..start).unwrap_or_default();
    let line = checked.object.line + before.matches('\n').count() as u64;
    let window = Window::around(checked.text, &(start..end), line)?;
    let is_short = |addition: &Splice| {
        let line = Window::around(checked.text, &addition.at, 0);
        line.is_some_and(|line| line.text.len() <= PATCHED_LINE)
    };
    if !additions.iter().all(is_short) {
        return None;
    }
    let patch = |Splice { at, text }| Patch::new(window.within(&at), text);
    let patches: Vec<Patch<'_>> = additions.into_iter().map(patch).collect();
    Some(window.snippet(printable(checked.file)).patches(patches))
}

/// Returns the changes of the patch in the text, if all of them can be shown.
fn additions(checked: &CheckedObject<'_>) -> Option<Vec<Splice>> {
    let changes = FieldChange::from_patch(&checked.patch).ok()?;
    let splices = splices(checked.text, checked.object, &changes).ok()?;
    Some(merged(splices.into_iter().map(|splice| behind(checked.text, splice)).collect()))
}

/// Moves an addition at the start of a line to the end of the line before it, so that the drawing shows it as a new
/// line.
fn behind(text: &str, splice: Splice) -> Splice {
    let before = text.get(..splice.at.start).unwrap_or_default();
    let (Some(line), true, Some(before)) =
        (splice.text.strip_suffix('\n'), splice.at.is_empty(), before.strip_suffix('\n'))
    else {
        return splice;
    };
    let end = before.trim_end_matches('\r').len();
    Splice { at: end..end, text: format!("\n{line}").replace('\r', "") }
}

/// Joins additions at the same place.
fn merged(additions: Vec<Splice>) -> Vec<Splice> {
    let mut merged: Vec<Splice> = Vec::new();
    for addition in additions {
        match merged.last_mut() {
            Some(last) if last.at == addition.at => last.text.push_str(&addition.text),
            _ => merged.push(addition),
        }
    }
    merged
}

// === impl Window ===

impl<'t> Window<'t> {
    /// The lines that contain a region, unless they are too long.
    fn around(text: &'t str, bytes: &Range<usize>, line: u64) -> Option<Self> {
        let offset = line_start(text, bytes.start)?;
        let end = line_end(text, bytes.end)?;
        let line = usize::try_from(line).unwrap_or(1);
        Some(Self { text: text.get(offset..end)?, offset, line })
    }

    /// One line, if it exists and is not too long.
    fn of_line(text: &'t str, line: u64) -> Option<Self> {
        let number = usize::try_from(line).ok()?;
        let line = text.split('\n').nth(number.checked_sub(1)?).filter(|_| !text.is_empty())?;
        (line.len() <= LINE).then_some(Self { text: line, offset: 0, line: number })
    }

    fn within(&self, bytes: &Range<usize>) -> Range<usize> {
        let within = |offset: usize| offset.saturating_sub(self.offset).min(self.text.len());
        within(bytes.start)..within(bytes.end)
    }

    fn snippet<T: Clone>(&self, file: String) -> Snippet<'t, T> {
        Snippet::source(self.text).line_start(self.line).path(file)
    }
}

/// The start of the line at a position, if it is near.
fn line_start(text: &str, at: usize) -> Option<usize> {
    let from = at.saturating_sub(LINE);
    let before = text.as_bytes().get(from..at)?;
    let end = before.iter().rposition(|byte| *byte == b'\n');
    end.map(|end| from + end + 1).or_else(|| (from == 0).then_some(0))
}

/// The end of the line at a position, if it is near.
fn line_end(text: &str, at: usize) -> Option<usize> {
    let after = text.as_bytes().get(at..)?;
    let near = &after[..after.len().min(LINE)];
    let end = near.iter().position(|byte| *byte == b'\n');
    end.map(|end| at + end).or_else(|| (near.len() == after.len()).then_some(text.len()))
}

/// Returns the command that plans the migration of an object. It plans those of StatefulSets.
fn migrate_command(object: &Manifest) -> Option<String> {
    let Scope { namespace, name, .. } = &object.scope;
    (object.kind == "StatefulSet").then(|| format!("ordinance migrate {name} --namespace {namespace}"))
}
