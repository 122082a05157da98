//! Metrics of the recording of reviews.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The number of reviews that were recorded or left out.
#[derive(Clone, Debug, Default)]
pub struct RecordingMetrics {
    reviews: Family<RecordingLabels, Counter>,
}

/// What became of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum RecordingOutcome {
    /// It was kept.
    Kept,
    /// Too many waited, or it is larger than all that may be kept.
    LeftOut,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RecordingLabels {
    outcome: RecordingOutcome,
}

// === impl RecordingMetrics ===

impl RecordingMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "recorded_reviews",
            "Reviews that were to be recorded, by outcome",
            metrics.reviews.clone(),
        );
        metrics
    }

    /// Counts a review that was kept.
    pub fn kept(&self) {
        self.count(RecordingOutcome::Kept);
    }

    /// Counts a review that was left out.
    pub fn left_out(&self) {
        self.count(RecordingOutcome::LeftOut);
    }

    fn count(&self, outcome: RecordingOutcome) {
        self.reviews.get_or_create(&RecordingLabels { outcome }).inc();
    }
}
