//! A figure with its goal, and how all of them are shown.

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// How far a figure may miss its goal: a round's noise.
const TOLERANCE: f64 = 0.05;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// One measured value: the median of its rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The median.
    pub value: f64,
    /// The smallest and the largest round.
    pub spread: [f64; 2],
    /// `ratio`, `s`, `ms`, `us`, `MB` or `1/s`.
    pub unit: &'static str,
    /// What it must reach; a figure without a goal is there to be read.
    pub goal: Option<f64>,
    /// Which way is better.
    pub better: Better,
    /// Whether the goal is reached, within the tolerance.
    pub holds: bool,
}

/// All figures of one run.
#[derive(Debug, Default, Serialize)]
pub struct Figures {
    /// In the order in which they were measured.
    pub figures: Vec<Figure>,
}

// === impl Figure ===

impl Figure {
    /// The median of some rounds, held against a goal.
    pub fn new(name: &str, unit: &'static str, better: Better, goal: Option<f64>, rounds: &[f64]) -> Self {
        let value = median(rounds);
        Self {
            name: name.to_owned(),
            value,
            spread: [min(rounds), max(rounds)],
            unit,
            goal,
            better,
            holds: goal.is_none_or(|goal| reaches(value, goal, better)),
        }
    }

    /// The change against a kept value, in parts: 0.1 is ten per cent better.
    pub fn gain(&self, kept: f64) -> f64 {
        match self.better {
            Better::Higher => self.value / kept - 1.0,
            Better::Lower => kept / self.value - 1.0,
        }
    }
}

fn reaches(value: f64, goal: f64, better: Better) -> bool {
    match better {
        Better::Higher => value >= goal * (1.0 - TOLERANCE),
        Better::Lower => value <= goal * (1.0 + TOLERANCE),
    }
}

// === impl Figures ===

impl Figures {
    /// Whether every goal is reached.
    pub fn hold(&self) -> bool {
        self.figures.iter().all(|figure| figure.holds)
    }

    /// Adds a figure, and says so while the others are still being measured.
    pub fn add(&mut self, figure: Figure) {
        eprintln!("  {}: {} {}", figure.name, number(figure.value), figure.unit);
        self.figures.push(figure);
    }

    /// As JSON, for scripts.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// As a Markdown table, with the change against a baseline where one is kept.
    pub fn table(&self, baseline: &crate::baseline::Baseline) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(["figure", "median", "spread", "unit", "goal", "holds", "against the baseline"]);
        for figure in &self.figures {
            table.add_row(row(figure, baseline.value(&figure.name)));
        }
        for column in [1, 2, 4] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.to_string()
    }
}

fn row(figure: &Figure, kept: Option<f64>) -> [String; 7] {
    [
        figure.name.clone(),
        number(figure.value),
        format!("{} – {}", number(figure.spread[0]), number(figure.spread[1])),
        figure.unit.to_owned(),
        goal(figure),
        holds(figure).to_owned(),
        kept.map_or_else(|| "new".to_owned(), |kept| format!("{:+.0} %", 100.0 * figure.gain(kept))),
    ]
}

fn goal(figure: &Figure) -> String {
    let sign = match figure.better {
        Better::Higher => "≥",
        Better::Lower => "≤",
    };
    figure.goal.map_or_else(String::new, |goal| format!("{sign} {}", number(goal)))
}

fn holds(figure: &Figure) -> &'static str {
    match (figure.goal, figure.holds) {
        (None, _) => "",
        (_, true) => "yes",
        (_, false) => "NO",
    }
}

/// Three significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The median of some values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

fn min(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn max(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::{Better, Figure};

    #[test]
    fn a_goal_may_be_missed_by_the_tolerance_and_no_more() {
        let holds = |value| Figure::new("x", "ratio", Better::Higher, Some(0.5), &[value]).holds;
        assert!(holds(0.476));
        assert!(!holds(0.474));
    }

    #[test]
    fn a_figure_is_the_median_with_its_spread() {
        let figure = Figure::new("x", "ms", Better::Lower, None, &[3.0, 1.0, 2.0, 9.0, 4.0]);
        assert_eq!((figure.value, figure.spread), (3.0, [1.0, 9.0]));
    }
}
