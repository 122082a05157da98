//! Which reports an audit writes and deletes.

use super::report::{Report, ReportApi, ReportName, ReportedObject};
use k8s_openapi::jiff::Timestamp;
use std::collections::BTreeMap;

/// The reports of a cluster. Objects beyond it only count in the metrics.
pub const REPORTS: usize = 10_000;

/// The size of the reports that wait until they are written, in bytes. The next audit writes those beyond it.
pub const WAITING_REPORT_BYTES: usize = 8 * 1024 * 1024;

/// The reports of an audit, beside those that the API server stores.
#[derive(Debug)]
pub(super) struct ReportPlan {
    pub(super) api: ReportApi,
    now: Timestamp,
    /// The digests of stored reports whose objects have not been audited yet.
    stored: BTreeMap<ReportName, String>,
    /// The reports to write.
    pub(super) waiting: Vec<Report>,
    waiting_bytes: usize,
    kept: usize,
    /// The number of reports that exceed a limit.
    pub(super) left_out: u64,
}

// === impl ReportPlan ===

impl ReportPlan {
    /// Returns a plan that keeps none of the stored reports.
    pub(super) fn new(api: ReportApi, now: Timestamp, stored: BTreeMap<ReportName, String>) -> Self {
        Self { api, now, stored, waiting: Vec::new(), waiting_bytes: 0, kept: 0, left_out: 0 }
    }

    /// Plans the report on an object, if there is something to say of it.
    pub(super) fn add(&mut self, object: &ReportedObject<'_>) {
        let Some(report) = object.report(self.api, self.now) else { return };
        if self.kept >= REPORTS {
            self.left_out += 1;
            return;
        }
        self.kept += 1;
        if self.stored.remove(&report.name).is_some_and(|digest| digest == report.digest) {
            return;
        }
        let bytes = self.waiting_bytes + report.body.len();
        if bytes > WAITING_REPORT_BYTES {
            self.left_out += 1;
            return;
        }
        self.waiting_bytes = bytes;
        self.waiting.push(report);
    }

    /// Returns the stored reports whose objects have no findings any more, or are gone. The audit must be complete.
    pub(super) fn obsolete(&self) -> impl Iterator<Item = &ReportName> {
        self.stored.keys()
    }
}
