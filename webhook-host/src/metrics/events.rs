//! Metrics of Events.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The number of Events, by outcome.
#[derive(Clone, Debug, Default)]
pub struct EventMetrics {
    events: Family<EventLabels, Counter>,
}

/// What became of an Event. One that repeats another one within its interval is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum EventOutcome {
    /// The API server stored it.
    Written,
    /// The API server refused it, or did not answer.
    Failed,
    /// There was no room for it.
    Dropped,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    outcome: EventOutcome,
}

// === impl EventMetrics ===

impl EventMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("events", "Events about objects, by outcome", metrics.events.clone());
        metrics
    }

    /// Counts an Event.
    pub fn count(&self, outcome: EventOutcome) {
        self.events.get_or_create(&EventLabels { outcome }).inc();
    }
}
