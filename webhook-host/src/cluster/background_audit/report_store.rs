//! Reads, writes and deletes reports in the cluster.

use super::super::list_pages::ListPages;
use super::report::{DIGEST, MANAGED_BY, Report, ReportApi, ReportName, SOURCE};
use super::report_plan::{REPORTS, ReportPlan};
use crate::metrics::{AuditMetrics, ReportOutcome};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The writes and deletions of reports in a second.
pub const REPORT_WRITES_PER_SECOND: u32 = 10;

/// The writes that fail one after the other until the rest is left to the next audit.
const FAILURES: u32 = 5;

/// The reports of a cluster.
pub(super) struct ReportStore {
    client: Client,
    metrics: AuditMetrics,
}

/// The writes of one audit.
struct ReportWrites<'s> {
    store: &'s ReportStore,
    api: ReportApi,
    pace: Interval,
    written: u64,
    deleted: u64,
    failed: u64,
    /// The failures since the last success.
    failures: u32,
}

/// A page of reports, of which only the metadata is requested.
#[derive(Deserialize)]
struct ReportPage {
    /// Null if there are none.
    items: Option<Vec<StoredReport>>,
}

#[derive(Deserialize)]
struct StoredReport {
    metadata: ObjectMeta,
}

// === impl ReportStore ===

impl ReportStore {
    pub(super) fn new(client: Client, metrics: AuditMetrics) -> Self {
        Self { client, metrics }
    }

    /// Returns the kinds of reports that the API server has, or `None` if it has none.
    pub(super) async fn served(&self) -> kube::Result<Option<ReportApi>> {
        for api in ReportApi::ALL {
            let found = match self.client.list_api_group_resources(api.group_version()).await {
                Ok(found) => found,
                Err(kube::Error::Api(status)) if status.code == 404 => continue,
                Err(error) => return Err(error),
            };
            let is_served = |name: &str| found.resources.iter().any(|resource| resource.name == name);
            if api.resources().into_iter().all(is_served) {
                return Ok(Some(api));
            }
        }
        Ok(None)
    }

    /// Returns the digests of the stored reports of Ordinance, at most twice [`REPORTS`].
    pub(super) async fn stored(&self, api: ReportApi) -> kube::Result<BTreeMap<ReportName, String>> {
        let mut stored = BTreeMap::new();
        for resource in api.resources() {
            let path = format!("/apis/{}/{resource}", api.group_version());
            let mut pages = ListPages::of_metadata(path, format!("{MANAGED_BY}={SOURCE}"));
            while let Some(page) = pages.next(&self.client).await? {
                let page: ReportPage = serde_json::from_str(&page).map_err(kube::Error::SerdeError)?;
                let room = (2 * REPORTS).saturating_sub(stored.len());
                let reports = page.items.into_iter().flatten();
                stored.extend(reports.filter_map(StoredReport::into_entry).take(room));
            }
        }
        Ok(stored)
    }

    /// Writes and deletes the reports of a complete audit, and logs their numbers.
    pub(super) async fn carry_out(&self, plan: &ReportPlan) {
        let mut pace = interval(Duration::from_secs(1) / REPORT_WRITES_PER_SECOND);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (api, left_out) = (plan.api, plan.left_out);
        let mut writes =
            ReportWrites { store: self, api, pace, written: 0, deleted: 0, failed: 0, failures: 0 };
        writes.write(&plan.waiting).await;
        writes.delete(plan.obsolete()).await;
        self.metrics.reported(ReportOutcome::LeftOut, left_out);
        let ReportWrites { written, deleted, failed, .. } = writes;
        tracing::info!(
            kind = api.resources()[0],
            written,
            deleted,
            failed,
            left_out,
            "wrote the reports of the audit"
        );
    }

    async fn apply(&self, api: ReportApi, report: &Report) -> kube::Result<()> {
        let body: Box<RawValue> = serde_json::from_str(&report.body).map_err(kube::Error::SerdeError)?;
        let ReportName { name, .. } = &report.name;
        let path = api.path(&report.name);
        let (directory, _) = path.rsplit_once('/').unwrap_or((&path, ""));
        let parameters = PatchParams::apply(SOURCE).force();
        let request = Request::new(directory).patch(name, &parameters, &Patch::Apply(body));
        self.client.request_text(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
    }

    /// Deletes a report. One that is gone already is deleted too.
    async fn delete(&self, api: ReportApi, report: &ReportName) -> kube::Result<()> {
        let path = api.path(report);
        let (directory, name) = path.rsplit_once('/').unwrap_or((&path, ""));
        let request = Request::new(directory).delete(name, &DeleteParams::default());
        match self.client.request_text(request.map_err(kube::Error::BuildRequest)?).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            deleted => deleted.map(drop),
        }
    }
}

// === impl ReportWrites ===

impl ReportWrites<'_> {
    async fn write(&mut self, reports: &[Report]) {
        for report in reports {
            if self.failures >= FAILURES {
                return;
            }
            self.pace.tick().await;
            let written = self.store.apply(self.api, report).await;
            self.written += self.count(written, ReportOutcome::Written);
        }
    }

    async fn delete(&mut self, reports: impl Iterator<Item = &ReportName>) {
        for report in reports {
            if self.failures >= FAILURES {
                return;
            }
            self.pace.tick().await;
            let deleted = self.store.delete(self.api, report).await;
            self.deleted += self.count(deleted, ReportOutcome::Deleted);
        }
    }

    /// Counts the outcome of a request, and logs the first failure. Returns 1 for a success.
    fn count(&mut self, outcome: kube::Result<()>, success: ReportOutcome) -> u64 {
        let Err(error) = outcome else {
            self.failures = 0;
            self.store.metrics.reported(success, 1);
            return 1;
        };
        if self.failed == 0 {
            let resources = self.api.resources();
            tracing::warn!(
                %error,
                ?resources,
                "can't write a report; let this user list, create, patch and delete them, or set audit.reports: false"
            );
        }
        self.failed += 1;
        self.failures += 1;
        self.store.metrics.reported(ReportOutcome::Failed, 1);
        0
    }
}

// === impl StoredReport ===

impl StoredReport {
    /// Returns the name and the digest of a report that Ordinance wrote.
    fn into_entry(self) -> Option<(ReportName, String)> {
        let ObjectMeta { name, namespace, labels, mut annotations, .. } = self.metadata;
        if labels?.get(MANAGED_BY)? != SOURCE {
            return None;
        }
        let digest =
            annotations.as_mut().and_then(|annotations| annotations.remove(DIGEST)).unwrap_or_default();
        Some((ReportName { namespace: namespace.unwrap_or_default(), name: name? }, digest))
    }
}
