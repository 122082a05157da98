//! One audit of all objects.

use super::super::list_pages::ListPages;
use super::AuditedPolicy;
use super::audit_error::AuditError;
use super::low_priority::on_low_priority_thread;
use super::page_audit::AuditedObjects;
use super::report_plan::ReportPlan;
use crate::audit::{AuditedResource, audited_resources};
use crate::cluster::watch_error::WatchError;
use crate::metrics::{AuditFigures, PolicyFigures, VerdictLabel};
use kube::Client;
use ordinance_audit::{FindingCounts, enforcement_answer};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// An audit of all objects.
pub(super) struct AuditRound {
    client: Client,
    policies: Arc<[AuditedPolicy]>,
    /// `None` only while the thread of the audit has them.
    found: Option<AuditedObjects>,
}

// === impl AuditRound ===

impl AuditRound {
    pub(super) fn new(client: Client, policies: Arc<[AuditedPolicy]>, reports: Option<ReportPlan>) -> Self {
        let found = Some(AuditedObjects::new(Arc::clone(&policies), reports));
        Self { client, policies, found }
    }

    /// Lists each resource once, and audits its objects page by page.
    pub(super) async fn audit(&mut self) -> Result<(), AuditError> {
        let descriptions = self.policies.iter().map(|policy| policy.admission.policy().description());
        let resources: BTreeSet<AuditedResource> = descriptions.flat_map(audited_resources).collect();
        for resource in resources {
            let resource = Arc::new(resource);
            let mut pages = ListPages::new(resource.path());
            let error = |error| AuditError::List(WatchError::list(&resource.name(), &error));
            while let Some(page) = pages.next(&self.client).await.map_err(error)? {
                self.audit_page(&resource, page).await?;
            }
        }
        Ok(())
    }

    async fn audit_page(&mut self, resource: &Arc<AuditedResource>, page: String) -> Result<(), AuditError> {
        let mut found = self.found.take().ok_or(AuditError::Thread)?;
        let resource = Arc::clone(resource);
        let audited = on_low_priority_thread(move |waiting| {
            let outcome = found.add_page(&resource, &page, &|| waiting.is_over());
            (found, outcome)
        });
        let (found, outcome) = audited.await.ok_or(AuditError::Thread)?;
        self.found = Some(found);
        outcome
    }

    /// Returns the figures of the complete audit.
    pub(super) fn figures(&self, duration: Duration) -> AuditFigures {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let policies = self.found.as_ref().map(|found| found.figures.clone()).unwrap_or_default();
        AuditFigures { policies, duration, timestamp: since_epoch.as_secs_f64() }
    }

    /// Returns the reports to write and to delete.
    pub(super) fn into_reports(self) -> Option<ReportPlan> {
        self.found?.reports
    }

    /// Logs for each policy what was found, and whether it is safe to enforce.
    pub(super) fn log(&self) {
        let figures = self.found.iter().flat_map(|found| &found.figures);
        for ((_, figures), policy) in figures.zip(sorted(&self.policies)) {
            log(policy, figures);
        }
    }
}

/// Returns the policies in the order of their names, as the figures are.
fn sorted(policies: &[AuditedPolicy]) -> Vec<&AuditedPolicy> {
    let mut sorted: Vec<_> = policies.iter().collect();
    sorted.sort_by_key(|policy| &policy.name);
    sorted
}

fn log(policy: &AuditedPolicy, figures: &PolicyFigures) {
    let PolicyFigures { findings, unreadable, enforcement, .. } = figures;
    let unread = unreadable.saturating_sub(enforcement.without_answer);
    let (answer, reason) = enforcement_answer(enforcement, unread, policy.settings);
    let count = |of: fn(&FindingCounts) -> u64| findings.values().map(of).sum::<u64>();
    tracing::info!(
        policy = policy.name,
        objects = enforcement.objects,
        unreadable,
        deny = count(|counts| counts.deny),
        would_deny = count(|counts| counts.would_deny),
        warn = count(|counts| counts.warn),
        note = count(|counts| counts.note),
        requests_that_would_be_denied = policy.route.count(VerdictLabel::WouldDeny),
        "audited; is it safe to enforce? {answer} {reason}"
    );
}
