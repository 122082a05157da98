//! The figures that were kept, to show what a change made better or worse.

use anyhow::{Context, Result};
use ordinance_testkit::figures::Figures;
use std::collections::BTreeMap;
use std::path::Path;

/// How much worse than the baseline a figure may be before the run fails: machines differ, and rounds are noisy.
const REGRESSION: f64 = -0.20;

/// Figures by name.
#[derive(Debug, Default)]
pub struct Baseline(BTreeMap<String, f64>);

// === impl Baseline ===

impl Baseline {
    /// Reads a baseline; one that does not exist is empty.
    pub fn read(file: &Path) -> Result<Self> {
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(file)?;
        let kept =
            serde_json::from_str(&text).with_context(|| format!("{} is not a baseline", file.display()))?;
        Ok(Self(kept))
    }

    /// Keeps the figures of a run.
    pub fn write(figures: &Figures, file: &Path) -> Result<()> {
        let kept: BTreeMap<_, _> =
            figures.figures.iter().map(|figure| (&figure.name, figure.value)).collect();
        std::fs::write(file, serde_json::to_string_pretty(&kept)? + "\n")?;
        Ok(())
    }

    /// The kept value of a figure.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// The figures that are a regression. Only those that mean the same on every machine are held against it: ratios.
    pub fn regressions<'f>(&self, figures: &'f Figures) -> Vec<&'f str> {
        let ratios = figures.figures.iter().filter(|figure| figure.unit == "ratio");
        let worse = ratios
            .filter(|figure| self.value(&figure.name).is_some_and(|kept| figure.gain(kept) < REGRESSION));
        worse.map(|figure| figure.name.as_str()).collect()
    }
}
