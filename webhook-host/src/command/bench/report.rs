//! The report of `ordinance bench`, as text and as JSON.

use super::comparison::{Comparison, CostVerdict, FigureChange};
use super::figures::BenchFigures;
use super::statistics::{Estimate, TimeDistribution};
use ordinance_report::plain_lines;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Returns the report for people.
pub(super) fn text(figures: &BenchFigures, comparison: Option<&Comparison>, is_coloured: bool) -> String {
    let policy = &figures.policy;
    let mut text = format!("{} {}: {} bytes, {}\n", policy.name, policy.version, policy.bytes, policy.digest);
    for workload in &figures.workloads {
        let _ = writeln!(text, "\n{}", workload.name);
        let _ = writeln!(text, "  evaluation     {}", distribution(&workload.evaluation));
        let _ = writeln!(text, "  instantiation  {}", distribution(&workload.instantiation));
        let _ = writeln!(text, "  memory         {} KiB", workload.memory.div_ceil(1024));
        let _ = writeln!(text, "  fuel           {}", workload.fuel);
    }
    let mut text = plain_lines(&text);
    if let Some(comparison) = comparison {
        text.push_str(&compared(comparison, is_coloured));
    }
    text
}

/// Returns the report for scripts.
pub(super) fn json(figures: &BenchFigures, comparison: Option<&Comparison>) -> Value {
    let mut report = figures.to_json();
    if let (Some(members), Some(comparison)) = (report.as_object_mut(), comparison) {
        members.insert("comparison".to_owned(), comparison_json(comparison));
    }
    report
}

fn comparison_json(comparison: &Comparison) -> Value {
    let changes = comparison.changes.iter().map(|change| {
        json!({
            "workload": change.of,
            "figure": change.figure,
            "unit": change.unit,
            "before": change.before,
            "after": change.after,
            "growthPercent": change.growth(),
            "verdict": change.verdict.word(),
            "note": change.note,
        })
    });
    json!({
        "thresholdPercent": comparison.threshold.percent(),
        "dearer": comparison.is_dearer(),
        "changes": changes.collect::<Vec<_>>(),
        "unmatched": comparison.unmatched,
    })
}

fn distribution(times: &TimeDistribution) -> String {
    let TimeDistribution { samples, median, p99, .. } = times;
    format!("median {}, p99 {}, {samples} samples", estimate(median), estimate(p99))
}

fn estimate(estimate: &Estimate) -> String {
    let Estimate { value, low, high } = estimate;
    format!("{} ({} to {})", time(*value), time(*low), time(*high))
}

/// Returns a time in the unit in which it has one to three digits before the point.
fn time(nanoseconds: u64) -> String {
    let time = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{:.1} µs", time / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", time / 1e6),
        _ => format!("{:.2} s", time / 1e9),
    }
}

fn compared(comparison: &Comparison, is_coloured: bool) -> String {
    let mut text = format!("\ncompared, with a threshold of {} %:\n", comparison.threshold.percent());
    for change in &comparison.changes {
        let line = plain_lines(&change_line(change));
        let colour = match change.verdict {
            CostVerdict::Dearer if is_coloured => "\x1b[31m",
            CostVerdict::Cheaper if is_coloured => "\x1b[32m",
            _ => "",
        };
        let end = if colour.is_empty() { "" } else { "\x1b[0m" };
        let _ = writeln!(text, "  {colour}{line}{end}");
    }
    for line in &comparison.unmatched {
        let _ = writeln!(text, "  {}", plain_lines(line));
    }
    text
}

fn change_line(change: &FigureChange) -> String {
    let of = if change.of.is_empty() { String::new() } else { format!(" of {}", change.of) };
    let value = |value: u64| match change.unit {
        "ns" => time(value),
        unit => format!("{value} {unit}"),
    };
    let note = if change.note.is_empty() { String::new() } else { format!(": {}", change.note) };
    format!(
        "{:<8} {}{of}: {} -> {} ({:+.1} %){note}",
        change.verdict.word(),
        change.figure,
        value(change.before),
        value(change.after),
        change.growth()
    )
}
