//! Metrics of the served certificate, of the self-managed CA, and of reloads.

use super::seconds::{Seconds, unix_seconds};
use ordinance_certs::Validity;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

/// The metrics of certificates and reloads.
#[derive(Debug, Default)]
pub(super) struct CertificateMetrics {
    expiry: Seconds,
    start: Seconds,
    authority_expiry: Seconds,
    reloads: Family<ReloadLabels, Counter>,
}

/// The kind of thing that is reloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Reloaded {
    Certificate,
    Authority,
    ClientCa,
    Policy,
    Settings,
}

/// The outcome of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ReloadOutcome {
    /// The new value is in use.
    Taken,
    /// The new value can't be used, so the previous one stays in use.
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    what: Reloaded,
    outcome: ReloadOutcome,
}

// === impl CertificateMetrics ===

impl CertificateMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register_with_unit(
            "certificate_expiry_timestamp",
            "Unix time at which the served certificate expires",
            Unit::Seconds,
            metrics.expiry.clone(),
        );
        registry.register_with_unit(
            "certificate_start_timestamp",
            "Unix time at which the served certificate becomes valid",
            Unit::Seconds,
            metrics.start.clone(),
        );
        registry.register_with_unit(
            "certificate_authority_expiry_timestamp",
            "Unix time at which the self-managed CA expires, or 0 without such a CA",
            Unit::Seconds,
            metrics.authority_expiry.clone(),
        );
        registry.register(
            "reloads",
            "Reloads of certificates and CAs, by kind and outcome",
            metrics.reloads.clone(),
        );
        metrics
    }

    pub(super) fn show_certificate(&self, validity: Validity) {
        self.start.set(unix_seconds(validity.not_before));
        self.expiry.set(unix_seconds(validity.not_after));
    }

    pub(super) fn show_authority(&self, validity: Validity) {
        self.authority_expiry.set(unix_seconds(validity.not_after));
    }

    pub(super) fn reloaded(&self, what: Reloaded, outcome: ReloadOutcome) {
        self.reloads.get_or_create(&ReloadLabels { what, outcome }).inc();
    }
}
