//! What the replica does that holds the Lease: it audits, shows the figures, and writes the reports.

use super::audit_error::AuditError;
use super::report::ReportApi;
use super::report_plan::ReportPlan;
use super::report_store::ReportStore;
use super::round::AuditRound;
use super::{AUDIT_RETRY_TIME, AuditSchedule, AuditedPolicy, Reporting};
use crate::admission::Freshness;
use crate::metrics::{AuditMetrics, ReportOutcome};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The interval at which a leader asks whether the index is current.
const CURRENT_POLL: Duration = Duration::from_secs(1);

/// Attempts to read the stored reports, and the pause between them. In the first seconds after a kind was installed, and after its
/// own start, the API server answers 429: "storage is (re)initializing".
const READ_ATTEMPTS: u32 = 10;
const READ_PAUSE: Duration = Duration::from_secs(1);

/// What a replica does that holds the Lease.
pub(super) struct Leader {
    client: Client,
    policies: Arc<[AuditedPolicy]>,
    freshness: Arc<dyn Freshness>,
    schedule: AuditSchedule,
    metrics: AuditMetrics,
    /// `None` if no reports are written.
    reports: Option<ReportStore>,
    /// The kind of the last reports, so that the log says once that there is none.
    report_api: Option<Option<ReportApi>>,
}

// === impl Leader ===

impl Leader {
    pub(super) fn new(
        client: Client,
        policies: Vec<AuditedPolicy>,
        freshness: Arc<dyn Freshness>,
        schedule: AuditSchedule,
        metrics: AuditMetrics,
        reporting: Reporting,
    ) -> Self {
        let reports = match reporting {
            Reporting::On => Some(ReportStore::new(client.clone(), metrics.clone())),
            Reporting::Off => None,
        };
        Self { client, policies: policies.into(), freshness, schedule, metrics, reports, report_api: None }
    }

    /// Audits at each interval, once the index is current.
    pub(super) async fn audit_forever(&mut self) {
        tokio::time::sleep(self.schedule.first).await;
        loop {
            self.until_current().await;
            let pause = match self.audit().await {
                Ok(()) => self.schedule.interval,
                Err(error) => {
                    self.metrics.failed(error.cause());
                    tracing::warn!(%error, "the audit did not end; its metrics show the one before");
                    self.schedule.interval.min(AUDIT_RETRY_TIME)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn until_current(&self) {
        while !self.freshness.is_current() {
            tokio::time::sleep(CURRENT_POLL).await;
        }
    }

    async fn audit(&mut self) -> Result<(), AuditError> {
        let start = Instant::now();
        let plan = self.report_plan().await;
        let mut round = AuditRound::new(self.client.clone(), Arc::clone(&self.policies), plan);
        round.audit().await?;
        round.log();
        self.metrics.show(round.figures(start.elapsed()));
        if let (Some(reports), Some(plan)) = (&self.reports, round.into_reports()) {
            reports.carry_out(&plan).await;
        }
        Ok(())
    }

    /// Returns a plan of the reports, or `None` if there are none. An error does not stop the audit.
    async fn report_plan(&mut self) -> Option<ReportPlan> {
        let mut planned = self.try_report_plan().await;
        for _ in 1..READ_ATTEMPTS {
            if !planned.as_ref().is_err_and(is_temporary) {
                break;
            }
            tokio::time::sleep(READ_PAUSE).await;
            planned = self.try_report_plan().await;
        }
        planned.unwrap_or_else(|error| {
            self.metrics.reported(ReportOutcome::Failed, 1);
            tracing::warn!(
                %error,
                "no reports are written, since those of before are not known; let this user list them, or set audit.reports: false"
            );
            None
        })
    }

    async fn try_report_plan(&mut self) -> kube::Result<Option<ReportPlan>> {
        let Some(reports) = &self.reports else { return Ok(None) };
        let served = reports.served().await?;
        if self.report_api.replace(served) != Some(served) && served.is_none() {
            tracing::info!(
                "no reports are written: the cluster has neither reports.openreports.io nor policyreports.wgpolicyk8s.io"
            );
        }
        let Some(api) = served else { return Ok(None) };
        let stored = reports.stored(api).await?;
        Ok(Some(ReportPlan::new(api, Timestamp::now(), stored)))
    }
}

/// Returns whether the API server says that it could answer later.
fn is_temporary(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 429 | 503 | 504))
}
