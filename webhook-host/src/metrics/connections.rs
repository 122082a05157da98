//! Metrics of the TLS listener's connections.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metrics of the TLS listener's connections.
#[derive(Debug, Default)]
pub struct ConnectionMetrics {
    /// Connections that are open now.
    pub open: Gauge,
    /// Connections closed at once because a connection limit was reached.
    pub refused: Counter,
    /// Failed accepts, for example without a free file descriptor.
    pub accepts_failed: Counter,
    /// Handshakes that failed or timed out.
    pub handshakes_failed: Counter,
    /// 1 while anyone who reaches the listener can ask for reviews, otherwise 0.
    pub callers_unverified: Gauge,
}

// === impl ConnectionMetrics ===

impl ConnectionMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("connections", "Open connections", metrics.open.clone());
        registry.register(
            "connections_refused",
            "Connections closed because a connection limit was reached",
            metrics.refused.clone(),
        );
        registry.register(
            "accepts_failed",
            "Failed accepts, for example without a free file descriptor",
            metrics.accepts_failed.clone(),
        );
        registry.register(
            "handshakes_failed",
            "TLS handshakes that failed or timed out",
            metrics.handshakes_failed.clone(),
        );
        registry.register(
            "callers_unverified",
            "1 while anyone who reaches the webhook port can ask for reviews, otherwise 0",
            metrics.callers_unverified.clone(),
        );
        metrics
    }
}
