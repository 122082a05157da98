//! A comparison as a table, and as JSON.

use super::comparison::{Change, ChangeExample, ChangeKind, ChangedPart, Comparison};
use comfy_table::{ContentArrangement, Table, presets};
use ordinance_report::{plain_json, printable, without_runner_commands};
use serde::Serialize;

const HEADER: [&str; 5] = ["WHAT", "BEFORE", "AFTER", "REVIEWS", "EXAMPLE"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonComparison<'c> {
    reviews: u64,
    changed: u64,
    unanswered: u64,
    changes: Vec<JsonChange<'c>>,
    errors: &'c [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonChange<'c> {
    /// `verdict`, `rule` or `patch`.
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'c str>,
    before: &'c str,
    after: &'c str,
    reviews: u64,
    example: &'c ChangeExample,
}

/// Returns a row for each kind of change, and below it the numbers unless `is_quiet`. `width` is that of the terminal.
pub(super) fn table(comparison: &Comparison, width: Option<u16>, is_quiet: bool) -> String {
    let mut text = String::new();
    if !comparison.changes.is_empty() {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(HEADER);
        match width {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if let Some(column) = table.column_mut(0) {
            column.set_padding((0, 1));
        }
        table.add_rows(comparison.changes.iter().map(row));
        table.lines().for_each(|line| text.push_str(&format!("{}\n", line.trim_end())));
    }
    if !is_quiet {
        text.push_str(&summary(comparison));
    }
    without_runner_commands(text)
}

/// Returns the comparison for scripts.
pub(super) fn json(comparison: &Comparison) -> String {
    let json = JsonComparison {
        reviews: comparison.reviews,
        changed: comparison.changed,
        unanswered: comparison.unanswered,
        changes: comparison.changes.iter().map(|(kind, change)| json_change(kind, change)).collect(),
        errors: &comparison.errors,
    };
    plain_json(serde_json::to_string(&json).unwrap_or_default()) + "\n"
}

fn row((kind, change): (&ChangeKind, &Change)) -> [String; 5] {
    let what = match &kind.part {
        ChangedPart::Verdict => "(verdict)".to_owned(),
        ChangedPart::Rule(rule) => printable(rule),
        ChangedPart::Patch => "(patch)".to_owned(),
    };
    let ChangeExample { place, request, .. } = &change.example;
    let example = printable(&format!("{request} in {place}"));
    [what, kind.before.clone(), kind.after.clone(), change.reviews.to_string(), example]
}

fn summary(comparison: &Comparison) -> String {
    let reviews = match comparison.reviews {
        1 => "1 review".to_owned(),
        count => format!("{count} reviews"),
    };
    let changed = match comparison.changed {
        0 => "no answer changes".to_owned(),
        1 => "1 answer changes".to_owned(),
        count => format!("{count} answers change"),
    };
    match comparison.unanswered {
        0 => format!("{reviews} replayed, {changed}\n"),
        count => format!("{reviews} replayed, {count} without an answer; of the others {changed}\n"),
    }
}

fn json_change<'c>(kind: &'c ChangeKind, change: &'c Change) -> JsonChange<'c> {
    let (what, rule) = match &kind.part {
        ChangedPart::Verdict => ("verdict", None),
        ChangedPart::Rule(rule) => ("rule", Some(&**rule)),
        ChangedPart::Patch => ("patch", None),
    };
    JsonChange {
        what,
        rule,
        before: &kind.before,
        after: &kind.after,
        reviews: change.reviews,
        example: &change.example,
    }
}
