//! Metrics of reservations.

use super::labels::PolicyLabels;
use ordinance_reservation::Log;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// The bounds of the time to reserve, in seconds.
const BOUNDS: [f64; 11] = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// The families of reservations, by policy.
#[derive(Debug)]
pub(super) struct ReservationFamilies {
    stored: Family<PolicyLabels, Gauge>,
    available: Family<PolicyLabels, Gauge>,
    attempts: Family<AttemptLabels, Counter>,
    lists: Family<PolicyLabels, Counter>,
    collected: Family<PolicyLabels, Counter>,
    time: Family<PolicyLabels, Histogram, fn() -> Histogram>,
}

/// The metrics of the reservations for one policy.
#[derive(Clone, Debug)]
pub struct ReservationMetrics {
    policy: String,
    stored: Gauge,
    available: Gauge,
    attempts: Family<AttemptLabels, Counter>,
    lists: Counter,
    collected: Counter,
    time: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    policy: String,
    outcome: ReservationOutcome,
}

/// What became of an object that holds new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ReservationOutcome {
    /// It was admitted.
    Allowed,
    /// A stored object excludes it.
    Denied,
    /// An earlier reservation excludes it, whose object is not stored yet.
    Undecided,
    /// The order of the reservations was not known in time.
    Unavailable,
    /// Too many abandoned reservations are in its realm.
    Full,
    /// The API server takes no reservations, so the verdict rests on what is stored.
    Unreserved,
    /// Any client may have sent the request, so the verdict rests on what is stored.
    Unverified,
}

// === impl ReservationFamilies ===

impl ReservationFamilies {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self {
            stored: Family::default(),
            available: Family::default(),
            attempts: Family::default(),
            lists: Family::default(),
            collected: Family::default(),
            time: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
        };
        registry.register("reservations", "Reservations of all replicas", families.stored.clone());
        registry.register(
            "reservations_available",
            "Whether the API server takes reservations; 0 if two replicas may admit objects that exclude each other",
            families.available.clone(),
        );
        registry.register(
            "reservation_attempts",
            "Objects with new keys that were to be reserved, by outcome",
            families.attempts.clone(),
        );
        registry.register(
            "reservation_lists",
            "Lists of reservations, because a reservation did not arrive by the watch in time",
            families.lists.clone(),
        );
        registry.register(
            "reservations_collected",
            "Reservations that had served their time, or whose request had failed",
            families.collected.clone(),
        );
        registry.register_with_unit(
            "reservation_duration",
            "Time from the wish to reserve to the known order of the reservations",
            Unit::Seconds,
            families.time.clone(),
        );
        families
    }

    pub(super) fn of_policy(&self, policy: &str) -> ReservationMetrics {
        let labels = PolicyLabels { policy: policy.to_owned() };
        ReservationMetrics {
            policy: policy.to_owned(),
            stored: self.stored.get_or_create_owned(&labels),
            available: self.available.get_or_create_owned(&labels),
            attempts: self.attempts.clone(),
            lists: self.lists.get_or_create_owned(&labels),
            collected: self.collected.get_or_create_owned(&labels),
            time: self.time.get_or_create_owned(&labels),
        }
    }
}

// === impl ReservationMetrics ===

impl ReservationMetrics {
    /// Shows the number of reservations.
    pub fn show(&self, log: &Log) {
        self.stored.set(i64::try_from(log.len()).unwrap_or(i64::MAX));
    }

    /// Shows whether the API server takes reservations.
    pub fn show_available(&self, is_available: bool) {
        self.available.set(is_available.into());
    }

    /// Counts what became of an object with new keys.
    pub fn count(&self, outcome: ReservationOutcome) {
        let labels = AttemptLabels { policy: self.policy.clone(), outcome };
        self.attempts.get_or_create(&labels).inc();
    }

    /// Counts a list.
    pub fn listed(&self) {
        self.lists.inc();
    }

    /// Counts deleted reservations.
    pub fn collected(&self, reservations: usize) {
        self.collected.inc_by(reservations as u64);
    }

    /// Shows the time that a reservation took.
    pub fn waited(&self, time: Duration) {
        self.time.observe(time.as_secs_f64());
    }
}
