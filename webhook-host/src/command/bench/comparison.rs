//! Whether a policy got dearer.
//!
//! Size, memory and fuel are exact: every growth over the threshold counts. Times vary from run to run: a growth counts
//! only if the confidence intervals of the medians do not overlap either.

use super::figures::{BenchFigures, WorkloadFigures};
use super::statistics::Estimate;
use anyhow::{Result, bail};

/// The growth from which on a figure counts as dearer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Threshold(f64);

/// All figures that both measurements have.
pub(super) struct Comparison {
    pub(super) changes: Vec<FigureChange>,
    /// The reviews that only one of the measurements has.
    pub(super) unmatched: Vec<String>,
    pub(super) threshold: Threshold,
}

/// A figure before and after.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FigureChange {
    /// The review; empty for the component.
    pub(super) of: String,
    /// e.g. `evaluation`.
    pub(super) figure: &'static str,
    /// `ns`, `bytes` or `units` of fuel.
    pub(super) unit: &'static str,
    pub(super) before: u64,
    pub(super) after: u64,
    pub(super) verdict: CostVerdict,
    /// Why a change is unclear; empty for other verdicts.
    pub(super) note: &'static str,
}

/// Whether a growth of time alone makes a policy dearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeWeight {
    /// It does, if the component is another one.
    Counts,
    /// It does not: only exact figures do.
    Ignored,
}

/// What a change means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CostVerdict {
    /// It costs more, by more than the threshold.
    Dearer,
    /// It costs less, by more than the threshold.
    Cheaper,
    /// It is within the threshold.
    Same,
    /// It differs by more than the threshold, but for another reason than the policy's cost, perhaps.
    Unclear,
}

// === impl Threshold ===

impl Threshold {
    /// Parses a percentage such as `5%` or `0.5`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
        match number.filter(|percent| (0.0..=1000.0).contains(percent)) {
            Some(percent) => Ok(Self(percent / 100.0)),
            None => Err(format!("`{text}` is not a percentage from 0 to 1000; write e.g. 5%")),
        }
    }

    /// Returns the threshold in percent.
    pub(super) fn percent(self) -> f64 {
        self.0 * 100.0
    }

    /// Classifies two exact figures.
    fn exact(self, before: u64, after: u64) -> CostVerdict {
        let (before, after) = (before as f64, after as f64);
        if after > before * (1.0 + self.0) {
            CostVerdict::Dearer
        } else if after < before * (1.0 - self.0) {
            CostVerdict::Cheaper
        } else {
            CostVerdict::Same
        }
    }

    /// Classifies two estimates, and says why a change is unclear. `doubt` is a reason to distrust every change.
    fn estimated(
        self,
        before: &Estimate,
        after: &Estimate,
        doubt: Option<&'static str>,
    ) -> (CostVerdict, &'static str) {
        match (self.exact(before.value, after.value), doubt) {
            (CostVerdict::Dearer | CostVerdict::Cheaper, _) if before.overlaps(after) => {
                (CostVerdict::Unclear, "the confidence intervals overlap; measure for longer with --time")
            }
            (CostVerdict::Dearer | CostVerdict::Cheaper, Some(doubt)) => (CostVerdict::Unclear, doubt),
            (verdict, _) => (verdict, ""),
        }
    }
}

// === impl Comparison ===

impl Comparison {
    /// Compares two measurements.
    ///
    /// # Errors
    ///
    /// They have no review in common.
    pub(super) fn new(
        before: &BenchFigures,
        after: &BenchFigures,
        threshold: Threshold,
        weight: TimeWeight,
    ) -> Result<Self> {
        let doubt = match weight {
            TimeWeight::Ignored => Some("only exact figures count"),
            TimeWeight::Counts if before.policy.digest == after.policy.digest => {
                Some("the component is the same, so the machine or the settings differ")
            }
            TimeWeight::Counts => None,
        };
        let (old, new) = (before.policy.bytes, after.policy.bytes);
        let mut changes = vec![FigureChange::exact("", "size", "bytes", old, new, threshold)];
        let mut unmatched = Vec::new();
        for workload in &after.workloads {
            match before.workload(&workload.name) {
                Some(old) => changes.extend(workload_changes(old, workload, threshold, doubt)),
                None => unmatched.push(format!("{} was not measured before", workload.name)),
            }
        }
        if unmatched.len() == after.workloads.len() {
            bail!("--compare: the two measurements have no review in common; measure the same reviews");
        }
        let gone = before.workloads.iter().filter(|workload| after.workload(&workload.name).is_none());
        unmatched.extend(gone.map(|workload| format!("{} is not measured any more", workload.name)));
        Ok(Self { changes, unmatched, threshold })
    }

    pub(super) fn is_dearer(&self) -> bool {
        self.changes.iter().any(|change| change.verdict == CostVerdict::Dearer)
    }
}

fn workload_changes(
    before: &WorkloadFigures,
    after: &WorkloadFigures,
    threshold: Threshold,
    doubt: Option<&'static str>,
) -> impl Iterator<Item = FigureChange> {
    let name = &after.name;
    let time = |figure, before: &Estimate, after: &Estimate| {
        let (verdict, note) = threshold.estimated(before, after, doubt);
        let (of, unit) = (name.clone(), "ns");
        FigureChange { of, figure, unit, before: before.value, after: after.value, verdict, note }
    };
    let times = [
        time("evaluation", &before.evaluation.median, &after.evaluation.median),
        time("instantiation", &before.instantiation.median, &after.instantiation.median),
    ];
    let memory = FigureChange::exact(name, "memory", "bytes", before.memory, after.memory, threshold);
    let fuel = FigureChange::exact(name, "fuel", "units", before.fuel, after.fuel, threshold);
    times.into_iter().chain([fuel, memory])
}

// === impl FigureChange ===

impl FigureChange {
    fn exact(
        of: &str,
        figure: &'static str,
        unit: &'static str,
        before: u64,
        after: u64,
        threshold: Threshold,
    ) -> Self {
        let verdict = threshold.exact(before, after);
        Self { of: of.to_owned(), figure, unit, before, after, verdict, note: "" }
    }

    /// Returns the growth in percent.
    pub(super) fn growth(&self) -> f64 {
        match self.before {
            0 if self.after == 0 => 0.0,
            0 => f64::INFINITY,
            before => (self.after as f64 / before as f64 - 1.0) * 100.0,
        }
    }
}

// === impl CostVerdict ===

impl CostVerdict {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Dearer => "dearer",
            Self::Cheaper => "cheaper",
            Self::Same => "same",
            Self::Unclear => "unclear",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(text: &str) -> Threshold {
        Threshold::parse(text).unwrap()
    }

    #[test]
    fn parses_percentages() {
        assert_eq!(["5%", "5", "0.5 %"].map(|text| threshold(text).percent()), [5.0, 5.0, 0.5]);
        for text in ["", "%", "-1%", "five", "nan", "inf", "1e9"] {
            assert!(Threshold::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_exact_figure_is_dearer_beyond_the_threshold() {
        for (after, verdict) in [
            (107, CostVerdict::Dearer),
            (105, CostVerdict::Same),
            (95, CostVerdict::Same),
            (94, CostVerdict::Cheaper),
        ] {
            assert_eq!(threshold("5%").exact(100, after), verdict, "{after}");
        }
        assert_eq!(threshold("0").exact(100, 101), CostVerdict::Dearer);
    }

    #[test]
    fn a_time_is_dearer_only_if_the_intervals_are_apart() {
        let estimate = |low, value, high| Estimate { value, low, high };
        let before = estimate(95, 100, 105);
        for (after, verdict) in [
            (estimate(106, 110, 115), CostVerdict::Dearer),
            (estimate(104, 110, 115), CostVerdict::Unclear),
            (estimate(102, 104, 106), CostVerdict::Same),
            (estimate(60, 70, 80), CostVerdict::Cheaper),
        ] {
            assert_eq!(threshold("5%").estimated(&before, &after, None).0, verdict, "{after:?}");
            let doubted = threshold("5%").estimated(&before, &after, Some("noise")).0;
            let is_same = verdict == CostVerdict::Same;
            assert_eq!(doubted, if is_same { CostVerdict::Same } else { CostVerdict::Unclear }, "{after:?}");
        }
    }
}
