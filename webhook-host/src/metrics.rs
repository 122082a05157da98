//! The metrics of one process, in the conventions of Prometheus: seconds, and `_total` for counters.
//!
//! Code on the path of a request holds its counters, so that it looks up no labels.

mod audit;
mod certificates;
mod connections;
mod durations;
mod events;
mod index;
mod labels;
mod recording;
mod requests;
mod reservations;
mod seconds;
mod watches;

pub use audit::{AuditFigures, AuditMetrics, PolicyFigures, ReportOutcome};
pub use certificates::{ReloadOutcome, Reloaded};
pub use connections::{CloseReason, ConnectionMetrics, ListenerLabel, ListenerMetrics};
pub use durations::DurationHistogram;
pub use events::{EventMetrics, EventOutcome};
pub use index::{Confirmation, IndexMetrics};
pub use recording::RecordingMetrics;
pub use requests::{RouteMetrics, ShedReason, VerdictLabel};
pub use reservations::{ReservationMetrics, ReservationOutcome};
pub use watches::WatchMetrics;

use certificates::CertificateMetrics;
use index::IndexFamilies;
use ordinance_certs::Validity;
use prometheus_client::encoding;
use prometheus_client::registry::Registry;
use requests::RequestFamilies;
use reservations::ReservationFamilies;
use watches::WatchFamilies;

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: RequestFamilies,
    /// Connections of all listeners.
    pub connections: ConnectionMetrics,
    index: IndexFamilies,
    reservations: ReservationFamilies,
    watches: WatchFamilies,
    certificates: CertificateMetrics,
    events: EventMetrics,
    audit: AuditMetrics,
    recording: RecordingMetrics,
}

// === impl Metrics ===

impl Metrics {
    /// Registers all metrics with the value 0.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("ordinance");
        Self {
            requests: RequestFamilies::register(&mut registry),
            connections: ConnectionMetrics::register(&mut registry),
            index: IndexFamilies::register(&mut registry),
            reservations: ReservationFamilies::register(&mut registry),
            watches: WatchFamilies::register(&mut registry),
            certificates: CertificateMetrics::register(&mut registry),
            events: EventMetrics::register(&mut registry),
            audit: AuditMetrics::register(&mut registry),
            recording: RecordingMetrics::register(&mut registry),
            registry,
        }
    }

    /// Returns the metrics of a policy's route.
    pub fn route(&self, policy: &str) -> RouteMetrics {
        self.requests.route(policy)
    }

    /// Counts a request that is answered with an HTTP status other than 200.
    pub fn rejected(&self, status: u16) {
        self.requests.rejected(status);
    }

    /// Returns the metrics of a policy's index.
    pub fn index(&self, policy: &str) -> IndexMetrics {
        self.index.of_policy(policy)
    }

    /// Returns the metrics of the reservations for a policy.
    pub fn reservations(&self, policy: &str) -> ReservationMetrics {
        self.reservations.of_policy(policy)
    }

    /// Returns the metrics of the watch of a resource.
    pub fn watch(&self, resource: &str) -> WatchMetrics {
        self.watches.of_resource(resource)
    }

    /// Returns the metrics of Events.
    pub fn events(&self) -> EventMetrics {
        self.events.clone()
    }

    /// Returns the metrics of the audit in the background.
    pub fn audit(&self) -> AuditMetrics {
        self.audit.clone()
    }

    /// Returns the metrics of the recording of reviews.
    pub fn recording(&self) -> RecordingMetrics {
        self.recording.clone()
    }

    /// Shows the validity of the served certificate.
    pub fn certificate(&self, validity: Validity) {
        self.certificates.show_certificate(validity);
    }

    /// Shows the validity of the self-managed CA.
    pub fn authority(&self, validity: Validity) {
        self.certificates.show_authority(validity);
    }

    /// Counts a reload.
    pub fn reloaded(&self, what: Reloaded, outcome: ReloadOutcome) {
        self.certificates.reloaded(what, outcome);
    }

    /// Returns all metrics in the text format of Prometheus, version 0.0.4.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = encoding::prometheus_text::encode(&mut text, &self.registry);
        text
    }

    /// Returns all metrics in the text format of OpenMetrics, version 1.0.0.
    pub fn open_metrics(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = encoding::text::encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
