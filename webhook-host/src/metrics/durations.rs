//! Histograms of durations that threads observe without a lock.

use super::labels::PolicyLabels;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::{MetricType, TypedMetric};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bound of the first bucket in nanoseconds. Each further bound is twice the one before it: about three per decade.
const FIRST_BOUND: u64 = 10_000;

/// The buckets with a bound: the last one is 10.5 s.
const BOUNDED: usize = 21;

/// A histogram with buckets from 10 µs to 10 s.
#[derive(Clone, Debug, Default)]
pub struct DurationHistogram(Arc<Observations>);

/// The histograms of all policies.
pub(super) type Durations = Family<PolicyLabels, DurationHistogram>;

/// What was observed. Threads add to it independently, so a scrape may see the bucket of an observation without its duration.
#[derive(Debug, Default)]
struct Observations {
    /// The observations by bucket; the last bucket has no bound.
    buckets: [AtomicU64; BOUNDED + 1],
    nanoseconds: AtomicU64,
}

// === impl DurationHistogram ===

impl DurationHistogram {
    /// Counts a duration.
    pub fn observe(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.0.buckets[bucket(nanoseconds)].fetch_add(1, Ordering::Relaxed);
        self.0.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

/// Returns the bucket of a duration: the first one whose bound is not below it.
fn bucket(nanoseconds: u64) -> usize {
    let above_first = nanoseconds.saturating_sub(1) / FIRST_BOUND;
    let doublings = u64::BITS - above_first.leading_zeros();
    BOUNDED.min(doublings as usize)
}

/// Returns the bound of a bucket in seconds.
fn bound(bucket: usize) -> f64 {
    if bucket == BOUNDED { f64::MAX } else { 1e-5 * (1_u64 << bucket) as f64 }
}

impl EncodeMetric for DurationHistogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let counts = self.0.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> =
            counts.enumerate().map(|(bucket, count)| (bound(bucket), count)).collect();
        let seconds = self.0.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9;
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for DurationHistogram {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_first_bucket_whose_bound_is_not_below_it() {
        for (nanoseconds, expected) in
            [(0, 0), (10_000, 0), (10_001, 1), (20_000, 1), (20_001, 2), (40_000, 2), (u64::MAX, BOUNDED)]
        {
            assert_eq!(bucket(nanoseconds), expected, "{nanoseconds}");
        }
        for power in 0..BOUNDED {
            assert_eq!(bucket(FIRST_BOUND << power), power);
            assert_eq!(bucket((FIRST_BOUND << power) + 1), power + 1);
        }
    }
}
