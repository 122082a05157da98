//! The audit in the background, before there is a client.

use super::identity::identity;
use crate::cluster::{
    AUDIT_LEASE_POLL, AuditLease, AuditSchedule, AuditTask, AuditedPolicy, BackgroundAudit, Reporting,
    WatchSet,
};
use crate::config::{AuditFile, Certificate};
use crate::metrics::Metrics;
use std::sync::Arc;
use std::time::Duration;

/// The longest pause before the first audit of a leader. A random part of it spreads the audits of several clusters.
const FIRST_PAUSE: Duration = Duration::from_secs(2 * 60);

/// The audit before its start.
#[derive(Debug)]
pub(super) struct PreparedAudit {
    config: AuditFile,
    policies: Vec<AuditedPolicy>,
    /// The namespace of the self-managed CA; `None` for the default namespace of the client.
    namespace: Option<String>,
}

// === impl PreparedAudit ===

impl PreparedAudit {
    pub(super) fn new(config: AuditFile, policies: Vec<AuditedPolicy>, namespace: Option<String>) -> Self {
        Self { config, policies, namespace }
    }

    /// Starts the audit. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// No client can be made from the configuration.
    pub(super) fn start(
        self,
        api: kube::Config,
        watches: Arc<WatchSet>,
        metrics: &Metrics,
    ) -> kube::Result<BackgroundAudit> {
        let Self { config, policies, namespace } = self;
        let namespace = namespace.unwrap_or_else(|| api.default_namespace.clone());
        let lease = AuditLease { namespace, name: config.lease, identity: identity() };
        let schedule = AuditSchedule {
            first: FIRST_PAUSE.min(config.interval).mul_f64(fastrand::f64()),
            interval: config.interval,
            lease_poll: AUDIT_LEASE_POLL,
        };
        let metrics = metrics.audit();
        let reports = if config.reports { Reporting::On } else { Reporting::Off };
        let task = AuditTask { policies, freshness: watches, schedule, lease, metrics, reports };
        BackgroundAudit::start(api, task)
    }
}

/// Returns the configured namespace of the objects of a self-managed CA.
pub(super) fn namespace(certificate: &Certificate) -> Option<String> {
    match certificate {
        Certificate::SelfManaged(managed) => managed.namespace.clone(),
        Certificate::SelfSigned(_) | Certificate::Files(_) => None,
    }
}
