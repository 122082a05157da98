//! Metrics of connections.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metrics of connections.
#[derive(Debug, Default)]
pub struct ConnectionMetrics {
    /// Connections of the TLS listener that are open now.
    pub open: Gauge,
    /// Connections of the TLS listener closed at once because a limit was reached and all other connections were in use.
    pub refused: Counter,
    /// Failed accepts of any listener, for example without a free file descriptor.
    pub accepts_failed: Counter,
    /// Handshakes that failed or timed out.
    pub handshakes_failed: Counter,
    /// 1 while every client that reaches the listener can ask for reviews, otherwise 0.
    pub callers_unverified: Gauge,
    closed: Family<CloseLabels, Counter>,
}

/// The metrics of one listener.
#[derive(Clone, Debug)]
pub struct ListenerMetrics {
    /// Connections that are open now.
    pub open: Gauge,
    listener: ListenerLabel,
    closed: Family<CloseLabels, Counter>,
}

/// A listener of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ListenerLabel {
    /// The TLS listener, which answers admission reviews.
    Https,
    /// The listener of `/livez` and `/readyz`.
    Probes,
    /// The listener of `/metrics`.
    Metrics,
    /// The listener of `/reviews`.
    Recording,
}

/// The limit at which the server closed a connection without a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum CloseReason {
    /// The listener's connections.
    Connections,
    /// The listener's connections from one address.
    ConnectionsPerAddress,
    /// The connections from one address whose handshake has not started.
    WaitingPerAddress,
    /// The time until the first request.
    FirstRequestTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabels {
    listener: ListenerLabel,
    reason: CloseReason,
}

/// All pairs of labels, so that every series starts at zero.
const CLOSED: [(ListenerLabel, &[CloseReason]); 4] = {
    use CloseReason::{Connections, ConnectionsPerAddress, FirstRequestTime, WaitingPerAddress};
    let plain: &[CloseReason] = &[Connections, ConnectionsPerAddress, FirstRequestTime];
    [
        (ListenerLabel::Https, &[Connections, ConnectionsPerAddress, WaitingPerAddress, FirstRequestTime]),
        (ListenerLabel::Probes, plain),
        (ListenerLabel::Metrics, plain),
        (ListenerLabel::Recording, plain),
    ]
};

// === impl ConnectionMetrics ===

impl ConnectionMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("connections", "Open connections of the TLS listener", metrics.open.clone());
        registry.register(
            "connections_refused",
            "Connections refused because a connection limit was reached and all other connections were in use",
            metrics.refused.clone(),
        );
        registry.register(
            "connections_closed",
            "Connections closed without a request, by listener and limit",
            metrics.closed.clone(),
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
            "1 while every client that reaches the webhook port can ask for reviews, otherwise 0",
            metrics.callers_unverified.clone(),
        );
        for (listener, reasons) in CLOSED {
            for &reason in reasons {
                drop(metrics.closed.get_or_create(&CloseLabels { listener, reason }));
            }
        }
        metrics
    }

    /// Returns the metrics of a listener. Only the open connections of the TLS listener are shown.
    pub fn of_listener(&self, listener: ListenerLabel) -> ListenerMetrics {
        let open = match listener {
            ListenerLabel::Https => self.open.clone(),
            ListenerLabel::Probes | ListenerLabel::Metrics | ListenerLabel::Recording => Gauge::default(),
        };
        ListenerMetrics { open, listener, closed: self.closed.clone() }
    }
}

// === impl ListenerMetrics ===

impl ListenerMetrics {
    /// Counts a connection that the server closed without a request.
    pub fn closed(&self, reason: CloseReason) {
        self.closed.get_or_create(&CloseLabels { listener: self.listener, reason }).inc();
    }
}
