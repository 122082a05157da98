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

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_audit::ObjectAudit;
    use ordinance_contract::{Finding, Severity, Verdict};
    use ordinance_manifests::parse;

    /// Plans the report on an object with this number of findings.
    fn add(plan: &mut ReportPlan, uid: usize, findings: usize) {
        let text = format!(
            r#"{{"apiVersion":"v1","kind":"PersistentVolume","metadata":{{"name":"pv","uid":"{uid}"}}}}"#
        );
        let object = parse(&text, 1, "").expect("an object");
        let finding = Finding::new("a-rule", Severity::Deny, &"f".repeat(1_000));
        let verdict = Verdict { findings: vec![finding; findings], ..Verdict::allow() };
        let audit = ObjectAudit::new(verdict, Default::default(), Default::default());
        plan.add(&ReportedObject { object: &object, audits: &[("storage", audit)] });
    }

    fn plan(stored: BTreeMap<ReportName, String>) -> ReportPlan {
        ReportPlan::new(ReportApi::OpenReports, Timestamp::UNIX_EPOCH, stored)
    }

    fn name(uid: usize) -> ReportName {
        ReportName { namespace: String::new(), name: format!("ordinance-{uid}") }
    }

    #[test]
    fn an_unchanged_report_is_not_written_and_one_without_findings_is_deleted() {
        let mut first = plan(BTreeMap::new());
        add(&mut first, 1, 1);
        let digest = first.waiting[0].digest.clone();
        let mut next = plan(BTreeMap::from([(name(1), digest), (name(2), "of before".to_owned())]));
        add(&mut next, 1, 1);
        add(&mut next, 2, 0);
        assert_eq!((next.waiting.len(), next.obsolete().collect::<Vec<_>>()), (0, vec![&name(2)]));
    }

    #[test]
    fn reports_that_do_not_fit_are_left_to_the_next_audit_and_not_deleted() {
        let mut full = plan(BTreeMap::from([(name(999), "of before".to_owned())]));
        let bytes = {
            let mut one = plan(BTreeMap::new());
            add(&mut one, 100, 50);
            one.waiting_bytes
        };
        let fit = WAITING_REPORT_BYTES / bytes;
        (0..fit).for_each(|uid| add(&mut full, 100 + uid, 50));
        assert_eq!((full.waiting.len(), full.left_out), (fit, 0));
        add(&mut full, 999, 50);
        assert_eq!((full.waiting.len(), full.left_out, full.obsolete().count()), (fit, 1, 0));
    }

    #[test]
    fn a_cluster_has_a_limited_number_of_reports() {
        let mut full = plan(BTreeMap::new());
        full.kept = REPORTS;
        add(&mut full, 1, 1);
        assert_eq!((full.waiting.len(), full.left_out), (0, 1));
    }
}
