//! Quantiles of measured times, with confidence intervals that assume no distribution.
//!
//! The interval of a quantile lies between two order statistics, whose ranks follow from the binomial distribution in its
//! normal approximation: J.-Y. Le Boudec, *Performance Evaluation of Computer and Communication Systems*, EPFL Press 2010,
//! theorem 2.1. Times of a machine are skewed and have outliers, so that the mean and its Student interval would mislead.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.96;

/// The quantiles that are kept of a distribution, from the minimum to the maximum: enough for a drawing.
const KEPT: usize = 201;

/// The distribution of a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TimeDistribution {
    /// The number of measurements.
    pub(super) samples: u64,
    /// The median.
    pub(super) median: Estimate,
    /// The 99th percentile.
    pub(super) p99: Estimate,
    /// 201 quantiles at equal distances, in nanoseconds: the first is the minimum, the last the maximum.
    pub(super) quantiles: Vec<u64>,
}

/// A quantile with the interval in which it lies with a confidence of 95 %, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Estimate {
    /// The estimate.
    pub(super) value: u64,
    /// The lower end of the interval.
    pub(super) low: u64,
    /// The upper end of the interval.
    pub(super) high: u64,
}

// === impl TimeDistribution ===

impl TimeDistribution {
    /// Returns the distribution of at least one time.
    pub(super) fn of(times: &[Duration]) -> Self {
        let mut times: Vec<u64> =
            times.iter().map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)).collect();
        times.sort_unstable();
        let last = KEPT - 1;
        Self {
            samples: times.len() as u64,
            median: Estimate::of(&times, 0.5),
            p99: Estimate::of(&times, 0.99),
            quantiles: (0..KEPT).map(|part| quantile(&times, part as f64 / last as f64)).collect(),
        }
    }
}

// === impl Estimate ===

impl Estimate {
    fn of(sorted: &[u64], share: f64) -> Self {
        let samples = sorted.len() as f64;
        let spread = Z * (samples * share * (1.0 - share)).sqrt();
        let at = |rank: f64| {
            // Ranks count from 1; an interval beyond the sample ends at its minimum or maximum.
            let rank = rank.clamp(1.0, samples.max(1.0)) as usize;
            sorted.get(rank - 1).copied().unwrap_or_default()
        };
        let (low, high) = ((samples * share - spread).floor(), (samples * share + spread).ceil() + 1.0);
        Self { value: quantile(sorted, share), low: at(low), high: at(high) }
    }

    /// Returns whether the intervals have a value in common.
    pub(super) const fn overlaps(&self, other: &Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// Returns the quantile of sorted values; between two values, the mean of them by distance.
fn quantile(sorted: &[u64], share: f64) -> u64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default() as f64;
    (at(below) + (at(above) - at(below)) * place.fract()).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(times: impl Iterator<Item = u64>) -> TimeDistribution {
        TimeDistribution::of(&times.map(Duration::from_nanos).collect::<Vec<_>>())
    }

    #[test]
    fn the_interval_of_a_median_has_the_ranks_of_the_table() {
        // Le Boudec, table A.1: for n = 100 the ranks are 40 and 61.
        let Estimate { value, low, high } = distribution(1..=100).median;
        assert_eq!((value, low, high), (51, 40, 61));
        // For n = 31 the table has the ranks 10 and 22.
        let Estimate { low, high, .. } = distribution(1..=31).median;
        assert_eq!((low, high), (10, 22));
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        let times = distribution((0..1000).rev());
        assert_eq!((times.samples, times.quantiles.len()), (1000, 201));
        assert_eq!((times.quantiles[0], times.quantiles[100], times.quantiles[200]), (0, 500, 999));
        assert_eq!((times.p99.value, times.p99.high), (989, 997));
    }

    #[test]
    fn one_time_is_its_own_interval() {
        let Estimate { value, low, high } = distribution(std::iter::once(7)).p99;
        assert_eq!((value, low, high), (7, 7, 7));
    }

    #[test]
    fn intervals_overlap_if_they_share_a_value() {
        let estimate = |low, high| Estimate { value: low, low, high };
        assert!(estimate(1, 3).overlaps(&estimate(3, 5)) && estimate(3, 5).overlaps(&estimate(1, 3)));
        assert!(!estimate(1, 2).overlaps(&estimate(3, 5)) && !estimate(3, 5).overlaps(&estimate(1, 2)));
    }

    /// The interval contains the true median in about 95 of 100 samples of a skewed distribution.
    #[test]
    fn the_interval_covers_the_median_of_a_skewed_distribution() {
        let mut random = fastrand::Rng::with_seed(7);
        let median = 2f64.ln();
        let covered = (0..2000).filter(|_| {
            let times = (0..50).map(|_| (-(1.0 - random.f64()).ln() * 1e9) as u64);
            let Estimate { low, high, .. } = distribution(times.collect::<Vec<_>>().into_iter()).median;
            (low..=high).contains(&((median * 1e9) as u64))
        });
        let covered = covered.count();
        assert!((1850..=1990).contains(&covered), "{covered} of 2000");
    }
}
