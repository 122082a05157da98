//! The stored figures, to show what a change improved or worsened.

use anyhow::{Context, Result};
use ordinance_testkit::figures::Figures;
use std::collections::BTreeMap;
use std::path::Path;

/// The change of a figure that fails the run. It is large because machines differ and rounds are noisy.
const REGRESSION: f64 = -0.20;

/// The stored values by the names of the figures.
#[derive(Debug, Default)]
pub struct Baseline(BTreeMap<String, f64>);

// === impl Baseline ===

impl Baseline {
    /// Reads a baseline. A missing file is an empty baseline.
    pub fn read(file: &Path) -> Result<Self> {
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(file)?;
        let kept =
            serde_json::from_str(&text).with_context(|| format!("{} is not a baseline", file.display()))?;
        Ok(Self(kept))
    }

    /// Stores the figures of a run as the baseline.
    pub fn write(figures: &Figures, file: &Path) -> Result<()> {
        let kept: BTreeMap<_, _> =
            figures.figures.iter().map(|figure| (&figure.name, figure.value)).collect();
        std::fs::write(file, serde_json::to_string_pretty(&kept)? + "\n")?;
        Ok(())
    }

    /// Returns the stored value of a figure.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Returns the names of the figures that are a regression. Only ratios are compared: they mean the same on every
    /// machine.
    pub fn regressions<'f>(&self, figures: &'f Figures) -> Vec<&'f str> {
        let ratios = figures.figures.iter().filter(|figure| figure.unit == "ratio");
        let worse = ratios
            .filter(|figure| self.value(&figure.name).is_some_and(|kept| figure.gain(kept) < REGRESSION));
        worse.map(|figure| figure.name.as_str()).collect()
    }
}
