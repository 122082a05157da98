//! The findings as a table.

use crate::report::{AuditReport, AuditedObject};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use ordinance_contract::Finding;
use ordinance_report::{printable, without_runner_commands};
use std::fmt::Write;

/// The style of a table.
#[derive(Clone, Copy, Debug, Default)]
pub struct TableStyle {
    /// The width in columns. Without one, no line is wrapped.
    pub width: Option<u16>,
    /// True for ANSI colours.
    pub is_coloured: bool,
    /// True if only denials are shown.
    pub is_quiet: bool,
}

/// The names of the columns.
const HEADER: [&str; 5] = ["SEVERITY", "RULE", "KIND", "NAMESPACE/NAME", "WHAT IS WRONG, AND THE WAY OUT"];

/// The severity words of [`Finding::word`], each with the escape sequence of its colour.
const COLOURS: [(&str, &str); 4] =
    [("deny", "\x1b[1;31m"), ("would-deny", "\x1b[1;31m"), ("warn", "\x1b[1;33m"), ("note", "\x1b[1;32m")];

/// Ends a colour.
const RESET: &str = "\x1b[0m";

/// The smallest width of the last column, in columns; a narrower table is wider than its terminal.
const LEAST_TEXT_WIDTH: u16 = 24;

/// Returns the findings, the most serious first: a row for each, with the way out below what is wrong. Returns an empty text if
/// there are none.
pub fn table(report: &AuditReport<'_>, style: TableStyle) -> String {
    let findings = report.findings();
    let is_shown = |(_, finding): &&(&AuditedObject<'_>, &Finding)| !style.is_quiet || finding.is_refusal();
    let rows: Vec<[String; 5]> =
        findings.iter().filter(is_shown).map(|(audited, finding)| row(audited, finding)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(HEADER);
    match style.width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.add_rows(rows);
    set_columns(&mut table);
    let mut text = String::new();
    for line in table.lines() {
        write_line(&mut text, line.trim_end(), style.is_coloured);
    }
    without_runner_commands(text)
}

/// Starts the first column at the left edge, keeps its words whole, and leaves the last column enough room for text.
fn set_columns(table: &mut Table) {
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 1));
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    if let Some(column) = table.column_mut(HEADER.len() - 1) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(LEAST_TEXT_WIDTH)));
    }
}

/// Writes a line of the table. Only a severity can stand at its beginning.
fn write_line(text: &mut String, line: &str, is_coloured: bool) {
    let coloured = COLOURS.iter().filter(|_| is_coloured).find_map(|(word, colour)| {
        let rest = line.strip_prefix(word).filter(|rest| rest.starts_with(' '))?;
        Some((word, colour, rest))
    });
    // Writing to memory can't fail.
    let _ = match coloured {
        Some((word, colour, rest)) => writeln!(text, "{colour}{word}{RESET}{rest}"),
        None => writeln!(text, "{line}"),
    };
}

fn row(audited: &AuditedObject<'_>, finding: &Finding) -> [String; 5] {
    let scope = &audited.object.scope;
    let name = match &*scope.namespace {
        "" => scope.name.to_string(),
        namespace => format!("{namespace}/{}", scope.name),
    };
    let way_out = match &*finding.remedy {
        "" => format!("`ordinance explain {}`", finding.rule),
        remedy => remedy.to_owned(),
    };
    let wrong = format!("{}\nway out: {}", printable(&finding.fact), printable(&way_out));
    [
        finding.word().to_owned(),
        printable(&finding.rule),
        printable(&audited.object.kind),
        printable(&name),
        wrong,
    ]
}
