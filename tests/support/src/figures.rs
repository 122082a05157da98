//! Figures with their goals, for programs that measure: each is said as soon as it is known, and all together hold or not.
//!
//! What varies from run to run may miss its goal by a little; what is counted may not.

use serde::Serialize;

/// How far a measured figure may miss its goal: a round's noise.
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

/// One value.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What it is of.
    pub name: String,
    /// How much; of several rounds the median.
    pub value: f64,
    /// The smallest and the largest round.
    pub spread: [f64; 2],
    /// `ratio`, `s`, `ms`, `us`, `MB` or `1/s`; empty for a number.
    pub unit: &'static str,
    /// What it must reach; a figure without a goal is there to be read.
    pub goal: Option<f64>,
    /// Which way is better.
    pub better: Better,
    /// Whether the goal is reached.
    pub holds: bool,
}

/// All figures of one run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// In the order in which they were known.
    pub figures: Vec<Figure>,
}

// === impl Figure ===

impl Figure {
    /// The median of some rounds, held against a goal that it may miss by 5 %.
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

    /// One value, held against a goal that it may not miss.
    pub fn exact(name: &str, unit: &'static str, better: Better, goal: f64, value: f64) -> Self {
        let name = name.to_owned();
        let holds = better.reaches(value, goal, 0.0);
        Self { name, value, spread: [value; 2], unit, goal: Some(goal), better, holds }
    }

    /// The change against a kept value, in parts: 0.1 is ten per cent better.
    pub fn gain(&self, kept: f64) -> f64 {
        match self.better {
            Better::Higher => self.value / kept - 1.0,
            Better::Lower => kept / self.value - 1.0,
        }
    }

    /// The goal with its sign, e.g. `≤ 2000`; empty if there is none.
    pub fn goal(&self) -> String {
        let sign = match self.better {
            Better::Higher => "≥",
            Better::Lower => "≤",
        };
        self.goal.map_or_else(String::new, |goal| format!("{sign} {}", number(goal)))
    }

    /// The figure in a line.
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
    /// Adds a figure, and says it on stderr while the others are still to be known.
    pub fn add(&mut self, figure: Figure) {
        anstream::eprintln!("  {}", figure.line());
        self.figures.push(figure);
    }

    /// Whether every goal is reached.
    pub fn hold(&self) -> bool {
        self.figures.iter().all(|figure| figure.holds)
    }
}

/// Three significant digits.
pub fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The median of some values; of none, not a number.
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
    use super::*;

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
    fn a_figure_is_said_with_its_goal_and_whether_that_is_reached() {
        let lines = [
            Figure::measured("start", "ms", Better::Lower, Some(20.0), &[17.25]).line(),
            Figure::exact("failed", "", Better::Lower, 0.0, 3.0).line(),
            Figure::measured("rate", "1/s", Better::Higher, None, &[1234.5]).line(),
        ];
        let said =
            ["start: 17.2 ms (goal ≤ 20.0): holds", "failed: 3.00 (goal ≤ 0.00): MISSED", "rate: 1234 1/s"];
        assert_eq!(lines, said);
    }
}
