//! Metrics of lists and watches.

use super::seconds::{Seconds, unix_now};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// The metrics of all watches, by resource.
#[derive(Debug, Default)]
pub(super) struct WatchFamilies {
    last_response: Family<WatchLabels, Seconds>,
    list_duration: Family<WatchLabels, Seconds>,
    lists: Family<ListLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
}

/// The metrics of one resource's watch.
#[derive(Clone, Debug)]
pub struct WatchMetrics {
    resource: String,
    last_response: Seconds,
    list_duration: Seconds,
    lists: Family<ListLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WatchLabels {
    resource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListLabels {
    resource: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    resource: String,
    verb: &'static str,
    cause: &'static str,
}

// === impl WatchFamilies ===

impl WatchFamilies {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self::default();
        registry.register_with_unit(
            "watch_heard_timestamp",
            "Unix time of the API server's last response on a watch whose list is complete",
            Unit::Seconds,
            families.last_response.clone(),
        );
        registry.register_with_unit(
            "watch_sync_duration",
            "Duration of the last list, including the policies' work on it",
            Unit::Seconds,
            families.list_duration.clone(),
        );
        registry.register("watch_lists", "Lists started, by reason", families.lists.clone());
        registry.register(
            "watch_failures",
            "Failed lists and watches, by verb and cause",
            families.failures.clone(),
        );
        families
    }

    pub(super) fn of_resource(&self, resource: &str) -> WatchMetrics {
        let labels = WatchLabels { resource: resource.to_owned() };
        WatchMetrics {
            resource: resource.to_owned(),
            last_response: self.last_response.get_or_create_owned(&labels),
            list_duration: self.list_duration.get_or_create_owned(&labels),
            lists: self.lists.clone(),
            failures: self.failures.clone(),
        }
    }
}

// === impl WatchMetrics ===

impl WatchMetrics {
    /// Records that the API server responds now.
    pub fn responded(&self) {
        self.last_response.set(unix_now());
    }

    /// Counts a list that starts.
    pub fn list_started(&self, reason: &'static str) {
        self.lists.get_or_create(&ListLabels { resource: self.resource.clone(), reason }).inc();
    }

    /// Records the duration of a complete list.
    pub fn list_finished(&self, duration: Duration) {
        self.list_duration.set(duration.as_secs_f64());
    }

    /// Counts a failed list or watch.
    pub fn failed(&self, verb: &'static str, cause: &'static str) {
        let labels = FailureLabels { resource: self.resource.clone(), verb, cause };
        self.failures.get_or_create(&labels).inc();
    }
}
