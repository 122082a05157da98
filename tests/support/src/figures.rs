//! Measured figures and their goals: each figure is printed to stderr as soon as it is known, and a run holds if all
//! goals are reached.
//!
//! A measured figure may miss its goal by the tolerance. An exact one may not.

use serde::Serialize;

/// How far a measured figure may miss its goal, as a fraction: the noise of a round.
const TOLERANCE: f64 = 0.05;

/// The better direction of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// A larger value is better.
    Higher,
    /// A smaller value is better.
    Lower,
}

/// A figure of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured, e.g. `exec to first verdict`.
    pub name: String,
    /// The value; the median if there are several rounds.
    pub value: f64,
    /// The smallest and the largest round.
    pub spread: [f64; 2],
    /// `ratio`, `s`, `ms`, `us`, `MB` or `1/s`; empty for a count.
    pub unit: &'static str,
    /// The value to reach. A figure without a goal is informative.
    pub goal: Option<f64>,
    /// The better direction.
    pub better: Better,
    /// Whether the goal is reached; true without a goal.
    pub holds: bool,
}

/// All figures of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// The figures in the order of their measurement.
    pub figures: Vec<Figure>,
}

// === impl Figure ===

impl Figure {
    /// Returns the median of some rounds. It may miss its goal by `TOLERANCE`.
    pub fn measured(
        name: &str,
        unit: &'static str,
        better: Better,
        goal: Option<f64>,
        rounds: &[f64],
    ) -> Self {
        let value = median(rounds);
        let name = name.to_owned();
        let holds = goal.is_none_or(|goal| better.reaches(value, goal, TOLERANCE));
        Self { name, value, spread: [min(rounds), max(rounds)], unit, goal, better, holds }
    }

    /// Returns a single value that may not miss its goal.
    pub fn exact(name: &str, unit: &'static str, better: Better, goal: f64, value: f64) -> Self {
        let name = name.to_owned();
        let holds = better.reaches(value, goal, 0.0);
        Self { name, value, spread: [value; 2], unit, goal: Some(goal), better, holds }
    }

    /// Returns the improvement over a stored value, as a fraction: 0.1 is ten per cent better.
    pub fn gain(&self, kept: f64) -> f64 {
        match self.better {
            Better::Higher => self.value / kept - 1.0,
            Better::Lower => kept / self.value - 1.0,
        }
    }

    /// Returns the goal with its sign, e.g. `≤ 2000`; empty if there is none.
    pub fn goal(&self) -> String {
        let sign = match self.better {
            Better::Higher => "≥",
            Better::Lower => "≤",
        };
        self.goal.map_or_else(String::new, |goal| format!("{sign} {}", number(goal)))
    }

    /// Returns the figure as one line.
    fn line(&self) -> String {
        let Self { name, value, unit, .. } = self;
        let value = format!("{name}: {} {unit}", number(*value));
        match (self.goal, self.holds) {
            (None, _) => value,
            (_, true) => format!("{} (goal {}): holds", value.trim_end(), self.goal()),
            (_, false) => format!("{} (goal {}): MISSED", value.trim_end(), self.goal()),
        }
    }
}

// === impl Better ===

impl Better {
    fn reaches(self, value: f64, goal: f64, tolerance: f64) -> bool {
        match self {
            Self::Higher => value >= goal * (1.0 - tolerance),
            Self::Lower => value <= goal * (1.0 + tolerance),
        }
    }
}

// === impl Figures ===

impl Figures {
    /// Adds a figure and prints it to stderr.
    pub fn add(&mut self, figure: Figure) {
        anstream::eprintln!("  {}", figure.line());
        self.figures.push(figure);
    }

    /// Whether every goal is reached.
    pub fn hold(&self) -> bool {
        self.figures.iter().all(|figure| figure.holds)
    }
}

/// Formats a value with three significant digits.
pub fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Returns the median of some values; NaN if there are none.
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

/// Returns the smallest of some sorted values that at least this share of them does not exceed; NaN if there are none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a length is a length"
)]
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

fn min(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn max(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|share| percentile(&values, share)), [50.0, 99.0, 100.0]);
        assert_eq!(percentile(&[7.0], 0.5), 7.0);
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_measured_goal_may_be_missed_by_the_tolerance_and_no_more() {
        let holds = |value| Figure::measured("x", "ratio", Better::Higher, Some(0.5), &[value]).holds;
        assert!(holds(0.476));
        assert!(!holds(0.474));
    }

    #[test]
    fn an_exact_goal_may_not_be_missed() {
        let holds = |better, value| Figure::exact("x", "", better, 40.0, value).holds;
        assert!(holds(Better::Higher, 40.0) && holds(Better::Lower, 40.0));
        assert!(!holds(Better::Higher, 39.0) && !holds(Better::Lower, 41.0));
        assert!(!holds(Better::Lower, f64::NAN));
    }

    #[test]
    fn a_figure_is_the_median_with_its_spread() {
        let figure = Figure::measured("x", "ms", Better::Lower, None, &[3.0, 1.0, 2.0, 9.0, 4.0]);
        assert_eq!((figure.value, figure.spread), (3.0, [1.0, 9.0]));
        assert_eq!(median(&[1.0, 2.0]), 1.5);
    }

    #[test]
    fn a_line_shows_the_goal_and_whether_it_is_reached() {
        let lines = [
            Figure::measured("start", "ms", Better::Lower, Some(20.0), &[17.25]).line(),
            Figure::exact("failed", "", Better::Lower, 0.0, 3.0).line(),
            Figure::measured("rate", "1/s", Better::Higher, None, &[1234.5]).line(),
        ];
        let expected =
            ["start: 17.2 ms (goal ≤ 20.0): holds", "failed: 3.00 (goal ≤ 0.00): MISSED", "rate: 1234 1/s"];
        assert_eq!(lines, expected);
    }
}
