//! Figures with their goals.

use serde::Serialize;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it must reach.
    pub goal: f64,
    /// Which way is better.
    pub better: Better,
    /// Whether the goal is reached.
    pub holds: bool,
}

/// All figures of one run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// In the order in which they were measured.
    pub figures: Vec<Figure>,
}

// === impl Figures ===

impl Figures {
    /// Adds a figure, and says it.
    pub fn add(&mut self, name: &'static str, unit: &'static str, value: f64, goal: f64, better: Better) {
        let (sign, holds) = match better {
            Better::Higher => ("≥", value >= goal),
            Better::Lower => ("≤", value <= goal),
        };
        anstream::eprintln!(
            "  {name}: {value:.2} {unit} (goal {sign} {goal}): {}",
            if holds { "holds" } else { "MISSED" }
        );
        self.figures.push(Figure { name, value, unit, goal, better, holds });
    }

    /// Whether every goal is reached.
    #[must_use]
    pub fn hold(&self) -> bool {
        self.figures.iter().all(|figure| figure.holds)
    }
}
