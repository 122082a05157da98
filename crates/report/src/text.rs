//! For people: the offending lines with what is wrong with them, as a compiler shows it, and what to do below.

use crate::{Judgement, Report, Summary, Trouble, fact_and_remedy, plain};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};
use ordinance_amend::{Change, Splice, splices};
use rayon::prelude::*;
use std::ops::Range;

/// How it looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Whether it is coloured.
    pub is_coloured: bool,
    /// How much is said.
    pub verbosity: Verbosity,
}

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only what is wrong.
    Quiet,
    /// Also warnings and what is changed, and how many there were.
    #[default]
    Normal,
    /// Also what is fine.
    Verbose,
}

/// Lines of a region that are shown; of a longer one the first.
const LINES: usize = 8;

/// Bytes of a line in which additions are shown: it is shown whole.
const PATCHED_LINE: usize = 400;

/// Bytes of a line that is shown, before and behind what it is shown for: those that are longer nobody can read.
const LINE: usize = 2048;

/// The whole report.
pub fn text(report: &Report<'_>, look: Look) -> String {
    let drawing = Drawing {
        renderer: if look.is_coloured { Renderer::styled() } else { Renderer::plain() },
        verbosity: look.verbosity,
    };
    let mut out = String::new();
    for trouble in &report.troubles {
        drawing.trouble(trouble, &mut out);
    }
    out.extend(drawing.judgements(&report.judgements));
    if look.verbosity > Verbosity::Quiet {
        out.push_str(&summary(report.summary(), report.troubles.len()));
    }
    out
}

/// The last line.
fn summary(summary: Summary, troubles: usize) -> String {
    let Summary { objects, skipped, denied, warned, patched } = summary;
    let mut parts = vec![format!("{} judged", counted(objects, "object"))];
    let more = [
        (denied, "denied"),
        (warned, "with warnings"),
        (patched, "changed at admission"),
        (skipped, "of other kinds passed over"),
        (troubles as u64, "unreadable"),
    ];
    parts.extend(more.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    if denied == 0 && troubles == 0 {
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

/// Whole lines of a text.
struct Window<'t> {
    text: &'t str,
    /// Where it begins, in bytes.
    offset: usize,
    /// Its first line, from 1.
    line: usize,
}

// === impl Drawing ===

impl Drawing {
    fn draw(&self, groups: &[Group<'_>], out: &mut String) {
        out.push_str(&self.renderer.render(groups));
        out.push_str("\n\n");
    }

    fn trouble(&self, trouble: &Trouble<'_>, out: &mut String) {
        let title = Level::ERROR.primary_title(&trouble.message);
        let Some(window) = Window::of_line(trouble.text, trouble.line) else {
            let origin = origin(trouble.file, trouble.line, trouble.column);
            return self.draw(&[title.element(origin)], out);
        };
        let column = usize::try_from(trouble.column).unwrap_or(1).saturating_sub(1);
        let at = window.text.char_indices().nth(column).map_or(window.text.trim_end().len(), |(at, _)| at);
        let length = window.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let snippet =
            window.snippet(plain(trouble.file)).annotation(AnnotationKind::Primary.span(at..at + length));
        self.draw(&[title.element(snippet)], out);
    }

    /// Each by itself, side by side: to find its lines, its manifest is read once more.
    fn judgements(&self, judgements: &[Judgement<'_>]) -> Vec<String> {
        let shown = |judgement| {
            let mut out = String::new();
            self.judgement(judgement, &mut out);
            out
        };
        judgements.par_iter().map(shown).collect()
    }

    fn judgement(&self, judgement: &Judgement<'_>, out: &mut String) {
        for (field, message) in judgement.refusals() {
            self.draw(&[found(judgement, Level::ERROR, field, message)], out);
        }
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        let fix = fix(judgement);
        let (last, others) = match judgement.warnings.split_last() {
            Some((last, others)) => (Some(last), others),
            None => (None, &[][..]),
        };
        for warning in others {
            self.draw(&[found(judgement, Level::WARNING, "", warning)], out);
        }
        let last = last.map(|warning| found(judgement, Level::WARNING, "", warning));
        let title = || found(judgement, Level::NOTE, "", "is changed at admission");
        let groups: Vec<Group<'_>> = match (last, fix) {
            (Some(last), fix) => [last].into_iter().chain(fix).collect(),
            (None, Some(fix)) => vec![title(), fix],
            (None, None) => return self.fine(judgement, out),
        };
        self.draw(&groups, out);
    }

    /// What nothing else is said of.
    fn fine(&self, judgement: &Judgement<'_>, out: &mut String) {
        if self.verbosity == Verbosity::Verbose && judgement.allowed {
            out.push_str(&format!("ok: {} ({})\n\n", judgement.title(), judgement.place()));
        }
    }
}

/// A place whose line is not shown; a file of which nothing could be read has no lines either.
fn origin<'t>(file: &str, line: u64, column: u64) -> Origin<'t> {
    let number = |number: u64| usize::try_from(number).unwrap_or(1);
    match (line, column) {
        (1, 1) => Origin::path(plain(file)),
        (line, column) => Origin::path(plain(file)).line(number(line)).char_column(number(column)),
    }
}

/// A finding at its field.
fn found<'r>(
    judgement: &'r Judgement<'_>,
    level: Level<'static>,
    field: &str,
    message: &'r str,
) -> Group<'r> {
    let (fact, remedy) = fact_and_remedy(message);
    let region = judgement.region(field);
    let group = level.primary_title(fact);
    let group = match Window::around(judgement.text, &region.bytes, region.line) {
        Some(window) => group.element(pointed(judgement, &window, &region.bytes)),
        None => group
            .element(origin(judgement.file, region.line, region.column))
            .element(Level::NOTE.message(judgement.title())),
    };
    match remedy {
        Some(remedy) => group.element(Level::HELP.message(remedy)),
        None => group,
    }
}

/// The lines of a region, with the object whose it is.
fn pointed<'r>(
    judgement: &'r Judgement<'_>,
    window: &Window<'r>,
    bytes: &Range<usize>,
) -> Snippet<'r, Annotation<'r>> {
    let end = window.text.split_inclusive('\n').take(LINES).map(str::len).sum::<usize>();
    let bytes = window.within(bytes);
    let span = bytes.start..bytes.end.min(window.text.get(..end).unwrap_or_default().trim_end().len());
    let annotation = AnnotationKind::Primary.span(span).label(judgement.title());
    window.snippet(plain(judgement.file)).annotation(annotation)
}

/// What the patch adds, in its place and as it would be written there.
fn fix<'r>(judgement: &'r Judgement<'_>) -> Option<Group<'r>> {
    if !judgement.is_patched() {
        return None;
    }
    let title = Level::HELP.secondary_title("at admission it becomes");
    if let Some(patched) = additions(judgement).and_then(|additions| patched(judgement, additions)) {
        return Some(title.element(patched));
    }
    let operations = judgement.patch.iter().map(|operation| {
        let path = operation["path"].as_str().unwrap_or_default();
        Level::NOTE.no_name().message(format!("{path}: {}", operation["value"]))
    });
    Some(title.elements(operations))
}

/// The lines that additions go to, with them; none if the lines can't be shown.
fn patched<'r>(judgement: &'r Judgement<'_>, additions: Vec<Splice>) -> Option<Snippet<'r, Patch<'r>>> {
    let start = additions.first()?.at.start;
    let end = additions.iter().map(|addition| addition.at.end).max()?;
    let before = judgement.text.get(judgement.object.bytes.start..start).unwrap_or_default();
    let line = judgement.object.line + before.matches('\n').count() as u64;
    let window = Window::around(judgement.text, &(start..end), line)?;
    let is_short = |addition: &Splice| {
        let line = Window::around(judgement.text, &addition.at, 0);
        line.is_some_and(|line| line.text.len() <= PATCHED_LINE)
    };
    if !additions.iter().all(is_short) {
        return None;
    }
    let patch = |Splice { at, text }| Patch::new(window.within(&at), text);
    let patches: Vec<Patch<'_>> = additions.into_iter().map(patch).collect();
    Some(window.snippet(plain(judgement.file)).patches(patches))
}

/// What a judgement's patch changes in the text, if all of it can be shown.
fn additions(judgement: &Judgement<'_>) -> Option<Vec<Splice>> {
    let changes = Change::of_patch(&judgement.patch).ok()?;
    let splices = splices(judgement.text, judgement.object, &changes).ok()?;
    Some(merged(splices.into_iter().map(|splice| behind(judgement.text, splice)).collect()))
}

/// Lines that are added before one are shown behind the one before it.
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

/// Additions at one place as one.
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
    /// The lines that a region is in, unless they are too long.
    fn around(text: &'t str, bytes: &Range<usize>, line: u64) -> Option<Self> {
        let offset = line_start(text, bytes.start)?;
        let end = line_end(text, bytes.end)?;
        let line = usize::try_from(line).unwrap_or(1);
        Some(Self { text: text.get(offset..end)?, offset, line })
    }

    /// One line, if it is there and not too long.
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

/// Where the line of a position begins, if that is near.
fn line_start(text: &str, at: usize) -> Option<usize> {
    let from = at.saturating_sub(LINE);
    let before = text.as_bytes().get(from..at)?;
    let end = before.iter().rposition(|byte| *byte == b'\n');
    end.map(|end| from + end + 1).or_else(|| (from == 0).then_some(0))
}

/// Where the line of a position ends, if that is near.
fn line_end(text: &str, at: usize) -> Option<usize> {
    let after = text.as_bytes().get(at..)?;
    let near = &after[..after.len().min(LINE)];
    let end = near.iter().position(|byte| *byte == b'\n');
    end.map(|end| at + end).or_else(|| (near.len() == after.len()).then_some(text.len()))
}
