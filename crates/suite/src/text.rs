//! The report for people.

use crate::problem::{CaseProblem, FoundBy};
use crate::run::{CaseReport, CaseResult};
use crate::suite::SuiteReport;
use ordinance_case::Evidence;
use ordinance_report::{plain_lines, printable, shell_word};
use similar::{ChangeTag, TextDiff};
use std::fmt::Write as _;

/// Unchanged lines around a difference.
const CONTEXT: usize = 3;

/// How the report is written.
#[derive(Clone, Copy, Debug)]
pub struct SuiteTextStyle<'a> {
    /// Whether to use colors.
    pub color: bool,
    /// The command that runs cases, to which the file is added; `None` to name none.
    pub command: Option<&'a str>,
}

/// A color of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ink {
    Red,
    Green,
    Dim,
    Bold,
}

/// Returns the part of the report about a case; empty if it passed.
pub fn case_text(report: &CaseReport, style: SuiteTextStyle<'_>) -> String {
    match &report.result {
        CaseResult::Passed => String::new(),
        CaseResult::Blessed => {
            format!("{} {}\n", style.paint(Ink::Green, "blessed"), printable(&report.name))
        }
        CaseResult::Skipped(reason) => {
            format!(
                "{} {}: {}\n",
                style.paint(Ink::Dim, "skipped"),
                printable(&report.name),
                printable(reason)
            )
        }
        CaseResult::Failed(problems) => failure(report, problems, style),
    }
}

fn failure(report: &CaseReport, problems: &[CaseProblem], style: SuiteTextStyle<'_>) -> String {
    let mut text =
        format!("{} {}\n", style.paint(Ink::Red, "FAILED"), style.paint(Ink::Bold, &printable(&report.name)));
    if !report.why.is_empty() {
        let _ = writeln!(text, "  {}", style.paint(Ink::Dim, &printable(&report.why)));
    }
    for problem in problems {
        let _ = writeln!(text, "  {}: {}", problem.found_by.word(), printable(&problem.message));
        text += &indented(&evidence(&problem.evidence, style), "    ");
    }
    if !report.excerpt.is_empty() {
        text += "  object:\n";
        text += &indented(&style.paint_lines(Ink::Dim, &plain_lines(&report.excerpt)), "    ");
    }
    // A file that is no case can't be run.
    let is_case = problems.iter().all(|problem| problem.found_by != FoundBy::Suite);
    if let Some(command) = style.command.filter(|_| is_case) {
        let path = printable(&report.path.display().to_string());
        let _ = writeln!(text, "  run it alone: {command} {}", shell_word(&path));
    }
    text + "\n"
}

fn evidence(evidence: &Evidence, style: SuiteTextStyle<'_>) -> String {
    match evidence {
        Evidence::None => String::new(),
        Evidence::Value(value) => plain_lines(value),
        Evidence::Steps(steps) => {
            let step =
                |(position, step): (usize, &String)| format!("{}. {}\n", position + 1, printable(step));
            steps.iter().enumerate().map(step).collect()
        }
        Evidence::Difference { expected, answered } => difference(expected, answered, style),
    }
}

/// Returns a diff: lines that are expected and missing with `-`, lines that were not expected with `+`.
fn difference(expected: &str, answered: &str, style: SuiteTextStyle<'_>) -> String {
    let diff = TextDiff::from_lines(expected, answered);
    let mut text =
        format!("{}\n{}\n", style.paint(Ink::Red, "- expected"), style.paint(Ink::Green, "+ answered"));
    for (position, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if position > 0 {
            text += "…\n";
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let line = plain_lines(change.value().trim_end_matches('\n'));
            text += &match change.tag() {
                ChangeTag::Delete => style.paint(Ink::Red, &format!("-{line}")),
                ChangeTag::Insert => style.paint(Ink::Green, &format!("+{line}")),
                ChangeTag::Equal => format!(" {line}"),
            };
            text.push('\n');
        }
    }
    text
}

/// Returns the last lines of the report: what is wrong with the suite, and the numbers.
pub fn summary_text(report: &SuiteReport, style: SuiteTextStyle<'_>) -> String {
    let mut text = String::new();
    for error in &report.errors {
        let _ = writeln!(text, "{} {}", style.paint(Ink::Red, "error:"), printable(error));
    }
    if !report.unfired.is_empty() {
        let _ = writeln!(
            text,
            "{} no case has a finding of {}; write one for each, or pass --allow-unfired meanwhile",
            style.paint(Ink::Red, "FAILED"),
            printable(&report.unfired.join(", "))
        );
    }
    if report.is_incomplete() {
        let _ = writeln!(
            text,
            "{} not every case ran; remove `skip`, or pass --allow-skipped meanwhile",
            style.paint(Ink::Red, "FAILED"),
        );
    }
    let counts = report.counts();
    let mut parts = vec![format!("{} passed", counts.passed)];
    for (count, word) in [(counts.blessed, "blessed"), (counts.skipped, "skipped"), (counts.failed, "failed")]
    {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let ink = if report.is_good() { Ink::Green } else { Ink::Red };
    let noun = if report.cases.len() == 1 { "case" } else { "cases" };
    let line = format!("{} {noun}: {}", report.cases.len(), parts.join(", "));
    let fuel = report.fuel().map(|fuel| format!("; {fuel} fuel")).unwrap_or_default();
    let _ = writeln!(text, "{}{fuel}", style.paint(ink, &line));
    text
}

fn indented(text: &str, indent: &str) -> String {
    text.lines().map(|line| format!("{indent}{line}\n")).collect()
}

// === impl SuiteTextStyle ===

impl SuiteTextStyle<'_> {
    fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Red => "31",
            Ink::Green => "32",
            Ink::Dim => "2",
            Ink::Bold => "1",
        };
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn paint_lines(self, ink: Ink, text: &str) -> String {
        text.lines().map(|line| self.paint(ink, line) + "\n").collect()
    }
}
