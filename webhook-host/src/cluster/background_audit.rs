//! Audits the cluster in the background, in the replica that holds a Lease.
//!
//! The leader lists each resource page by page, and audits one object at a time against the indexes that the watches keep
//! current. Neither objects nor pages are kept. A replica that loses the Lease stops its audit and shows no figures.

mod audit_error;
mod leader;
mod low_priority;
mod page_audit;
mod report;
mod report_plan;
mod report_store;
mod round;

pub use report::{REPORT_RESULTS, REPORT_TEXT_CHARS};
pub use report_plan::{REPORTS, WAITING_REPORT_BYTES};
pub use report_store::REPORT_WRITES_PER_SECOND;

use super::CONNECT_TIME;
use super::page_limit::PageLimitLayer;
use crate::admission::{Admission, Freshness};
use crate::metrics::{AuditMetrics, RouteMetrics};
use kube::Client;
use kube::client::ClientBuilder;
use leader::Leader;
use ordinance_audit::EnforcedSettings;
use ordinance_certs::cluster::Lease;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The interval between renewals of the Lease, and between attempts to acquire it.
pub const AUDIT_LEASE_POLL: Duration = Duration::from_secs(10);

/// The duration of the Lease: another replica takes it over after so long without a renewal. Its holder stops before.
pub const AUDIT_LEASE_TIME: Duration = Duration::from_secs(60);

/// The longest pause after a failed audit.
pub const AUDIT_RETRY_TIME: Duration = Duration::from_secs(5 * 60);

/// How long a request to the API server may take.
pub const AUDIT_REQUEST_TIME: Duration = Duration::from_secs(30);

/// The duration of the release of the Lease at shutdown. Without it, the next leader only starts later.
const RELEASE_TIME: Duration = Duration::from_secs(2);

/// The running task; aborted on drop.
#[derive(Debug)]
pub struct BackgroundAudit {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// What to audit, when, and what to do with the result.
#[derive(Debug)]
pub struct AuditTask {
    /// The policies, each with its index.
    pub policies: Vec<AuditedPolicy>,
    /// Whether the indexes are current.
    pub freshness: Arc<dyn Freshness>,
    /// The times of the audits.
    pub schedule: AuditSchedule,
    /// The Lease that elects the replica.
    pub lease: AuditLease,
    /// Where the figures are shown.
    pub metrics: AuditMetrics,
    /// Whether each object with findings gets a report.
    pub reports: Reporting,
}

/// Whether an audit writes reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reporting {
    /// If the API server has a kind for them.
    On,
    /// It writes none.
    Off,
}

/// A policy of an audit.
pub struct AuditedPolicy {
    /// The name under which the policy is served.
    pub name: String,
    /// The view of the index, with the policy as it is configured.
    admission: Admission,
    /// The view of the index, with the policy as it enforces its rules.
    enforcing: Admission,
    /// What `enforcing` is drawn from.
    settings: EnforcedSettings,
    /// How long one review may take.
    deadline: Duration,
    /// The metrics of the policy's requests, for those that would have been denied.
    route: RouteMetrics,
}

/// The times of the audits.
#[derive(Clone, Copy, Debug)]
pub struct AuditSchedule {
    /// The pause before the first audit of a leader.
    pub first: Duration,
    /// The pause after an audit.
    pub interval: Duration,
    /// The interval between renewals of the Lease.
    pub lease_poll: Duration,
}

/// The Lease that elects the replica which audits.
#[derive(Clone, Debug)]
pub struct AuditLease {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// This replica; unique among all.
    pub identity: String,
}

/// The state of the task.
struct AuditLoop {
    lease: Lease,
    leader: Leader,
    lease_poll: Duration,
    metrics: AuditMetrics,
    /// The last error of the Lease, so that the log has it once.
    last_error: Option<String>,
}

// === impl BackgroundAudit ===

impl BackgroundAudit {
    /// Starts the task. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// No client can be made from the configuration.
    pub fn start(mut config: kube::Config, task: AuditTask) -> kube::Result<Self> {
        config.connect_timeout = Some(CONNECT_TIME);
        config.read_timeout = Some(AUDIT_REQUEST_TIME);
        // The next audit is the retry.
        config.default_retry = false;
        let client: Client = ClientBuilder::try_from(config)?.with_layer(&PageLimitLayer).build();
        let AuditTask { policies, freshness, schedule, lease, metrics, reports } = task;
        metrics.show_interval(schedule.interval);
        let AuditLease { namespace, name, identity } = lease;
        let lease = Lease::new(client.clone(), &namespace, &name, identity, AUDIT_LEASE_TIME);
        let leader = Leader::new(client, policies, freshness, schedule, metrics.clone(), reports);
        let lease_poll = schedule.lease_poll;
        let state = AuditLoop { lease, leader, lease_poll, metrics, last_error: None };
        let (stop, stopped) = oneshot::channel();
        Ok(Self { stop: Some(stop), task: tokio::spawn(state.run(stopped)) })
    }

    /// Stops the task and releases the Lease, so that another replica can lead at once.
    pub async fn stop(mut self) {
        self.stop = None;
        // The panic hook has reported a panic of the task.
        let _ = tokio::time::timeout(RELEASE_TIME, &mut self.task).await;
    }
}

impl Drop for BackgroundAudit {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl AuditedPolicy ===

impl AuditedPolicy {
    /// Returns the policy of a server for an audit, with the same index. `enforcing` is the policy as it enforces its rules; without
    /// it, the policy does so as it is, or knows no such settings.
    pub fn new(
        name: &str,
        served: &Admission,
        enforcing: Option<Arc<ordinance_engine::Policy>>,
        settings: EnforcedSettings,
        deadline: Duration,
        route: RouteMetrics,
    ) -> Self {
        Self {
            name: name.to_owned(),
            admission: served.auditing(Arc::clone(served.policy())),
            enforcing: served.auditing(enforcing.unwrap_or_else(|| Arc::clone(served.policy()))),
            settings,
            deadline,
            route,
        }
    }
}

impl std::fmt::Debug for AuditedPolicy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AuditedPolicy").field("name", &self.name).finish_non_exhaustive()
    }
}

// === impl AuditLoop ===

impl AuditLoop {
    async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                () = self.lead_once() => {}
                _ = &mut stop => break,
            }
        }
        self.metrics.hide();
        if let Err(error) = self.lease.release().await {
            tracing::debug!(%error, "could not release the Lease of the audit");
        }
    }

    /// Waits for the Lease, and audits as long as this replica holds it.
    async fn lead_once(&mut self) {
        let outcome = self.lease.renew(SystemTime::now(), Instant::now()).await;
        if self.has_lease(outcome) {
            tracing::info!("audits the cluster, as the replica that holds the Lease");
            tokio::select! {
                () = keep(&mut self.lease, self.lease_poll) => {}
                () = self.leader.audit_forever() => {}
            }
            self.metrics.hide();
            tracing::info!(
                "no longer audits the cluster: another replica holds the Lease, or it could not be renewed"
            );
        }
        tokio::time::sleep(self.lease_poll).await;
    }

    fn has_lease(&mut self, outcome: kube::Result<bool>) -> bool {
        let error = match outcome {
            Ok(is_held) => {
                self.last_error = None;
                return is_held;
            }
            Err(error) => error.to_string(),
        };
        self.metrics.failed("lease");
        if self.last_error.as_ref() != Some(&error) {
            tracing::warn!(
                error,
                "nothing is audited: let this user get and patch the Lease of the audit, and create it if there is none, or set audit.interval: 0s"
            );
            self.last_error = Some(error);
        }
        false
    }
}

/// Renews the Lease until this replica has lost it, or until so long after the last success that another one may take it over.
async fn keep(lease: &mut Lease, poll: Duration) {
    let mut renewed = Instant::now();
    while renewed.elapsed() + 2 * AUDIT_LEASE_POLL < AUDIT_LEASE_TIME {
        tokio::time::sleep(poll).await;
        let start = Instant::now();
        match tokio::time::timeout(AUDIT_LEASE_POLL, lease.renew(SystemTime::now(), start)).await {
            Ok(Ok(true)) => renewed = start,
            Ok(Ok(false)) => return,
            Ok(Err(error)) => tracing::debug!(%error, "could not renew the Lease of the audit"),
            Err(_) => tracing::debug!("could not renew the Lease of the audit: no answer in time"),
        }
    }
}
