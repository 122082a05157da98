//! The report on one object, as OpenReports and the Policy Working Group define it.
//!
//! Both kinds have the same fields, but for `source` of the whole report. Server-side apply refuses fields that a schema lacks.

use k8s_openapi::jiff::Timestamp;
use ordinance_audit::ObjectAudit;
use ordinance_contract::{Finding, Severity, one_line};
use ordinance_engine::is_label;
use ordinance_manifests::Manifest;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The results of one report, the most serious first. Its summary counts the others too.
pub const REPORT_RESULTS: usize = 50;

/// The characters of each text of a result.
pub const REPORT_TEXT_CHARS: usize = 1_000;

/// What writes the reports.
pub(super) const SOURCE: &str = "ordinance";

/// The label of every report, which says what writes it.
pub(super) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The annotation with the digest of a report without its times, so that an unchanged report is not written again.
pub(super) const DIGEST: &str = "ordinance.dev/digest";

/// The kinds of reports, the preferred ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportApi {
    /// `openreports.io`.
    OpenReports,
    /// `wgpolicyk8s.io`.
    PolicyReports,
}

/// The namespace and the name of a report. Those on cluster-scoped objects have no namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReportName {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// A report on an object.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) name: ReportName,
    pub(super) digest: String,
    /// The report as it is sent, JSON.
    pub(super) body: String,
}

/// An object with what each policy says of it.
#[derive(Debug)]
pub(super) struct ReportedObject<'a> {
    pub(super) object: &'a Manifest,
    /// By name of the policy.
    pub(super) audits: &'a [(&'a str, ObjectAudit)],
}

/// The part of an object that names its report.
#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredObject {
    metadata: StoredMetadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredMetadata {
    uid: String,
}

// === impl ReportApi ===

impl ReportApi {
    pub(super) const ALL: [Self; 2] = [Self::OpenReports, Self::PolicyReports];

    pub(super) const fn group_version(self) -> &'static str {
        match self {
            Self::OpenReports => "openreports.io/v1alpha1",
            Self::PolicyReports => "wgpolicyk8s.io/v1alpha2",
        }
    }

    /// Returns the resources: of namespaces, and of the cluster.
    pub(super) const fn resources(self) -> [&'static str; 2] {
        match self {
            Self::OpenReports => ["reports", "clusterreports"],
            Self::PolicyReports => ["policyreports", "clusterpolicyreports"],
        }
    }

    const fn kinds(self) -> [&'static str; 2] {
        match self {
            Self::OpenReports => ["Report", "ClusterReport"],
            Self::PolicyReports => ["PolicyReport", "ClusterPolicyReport"],
        }
    }

    /// Returns the path of a report.
    pub(super) fn path(self, name: &ReportName) -> String {
        let (ReportName { namespace, name }, [namespaced, cluster]) = (name, self.resources());
        let root = format!("/apis/{}", self.group_version());
        match &**namespace {
            "" => format!("{root}/{cluster}/{name}"),
            namespace => format!("{root}/namespaces/{namespace}/{namespaced}/{name}"),
        }
    }
}

// === impl ReportedObject ===

impl ReportedObject<'_> {
    /// Returns the report on the object, with this time; `None` if there is nothing to say of it, or if it has no uid to name
    /// the report.
    pub(super) fn report(&self, api: ReportApi, now: Timestamp) -> Option<Report> {
        let results = self.results();
        if results.is_empty() {
            return None;
        }
        let uid = serde_json::from_str::<StoredObject>(&self.object.json).unwrap_or_default().metadata.uid;
        let namespace = self.object.scope.namespace.to_string();
        if !is_label(&uid) || !namespace.is_empty() && !is_label(&namespace) {
            return None;
        }
        let name = ReportName { namespace, name: format!("{SOURCE}-{uid}") };
        let mut body = self.body(api, &name, &uid, results);
        let digest = format!("{:x}", Sha256::digest(body.to_string()));
        body["metadata"]["annotations"] = json!({ DIGEST: digest });
        let timestamp = json!({"seconds": now.as_second(), "nanos": 0});
        for result in body["results"].as_array_mut().into_iter().flatten() {
            result["timestamp"] = timestamp.clone();
        }
        Some(Report { name, digest, body: body.to_string() })
    }

    fn results(&self) -> Vec<Value> {
        let mut findings: Vec<(&str, &Finding)> = Vec::new();
        let mut errors = Vec::new();
        for (policy, audit) in self.audits {
            findings.extend(audit.findings.iter().map(|finding| (*policy, finding)));
            errors.extend(audit.reason_without_answer().map(|reason| error(policy, reason)));
        }
        findings.sort_by_key(|(_, finding)| finding.rank());
        errors
            .into_iter()
            .chain(findings.into_iter().map(|(policy, finding)| result(policy, finding)))
            .collect()
    }

    /// Returns the report without its times.
    fn body(&self, api: ReportApi, name: &ReportName, uid: &str, mut results: Vec<Value>) -> Value {
        let ReportName { namespace, name } = name;
        let scope = &self.object.scope;
        let (api_version, kind, object) = (scope.api_version(), &self.object.kind, &scope.name);
        let summary = summary(&results);
        results.truncate(REPORT_RESULTS);
        let mut report = json!({
            "apiVersion": api.group_version(),
            "kind": api.kinds()[usize::from(namespace.is_empty())],
            "metadata": {
                "name": name,
                "labels": { MANAGED_BY: SOURCE },
                // The report goes with its object.
                "ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": object, "uid": uid}],
            },
            "scope": {"apiVersion": api_version, "kind": kind, "name": object, "uid": uid},
            "summary": summary,
            "results": results,
        });
        if !namespace.is_empty() {
            report["metadata"]["namespace"] = namespace.as_str().into();
            report["scope"]["namespace"] = namespace.as_str().into();
        }
        if api == ReportApi::OpenReports {
            report["source"] = SOURCE.into();
        }
        report
    }
}

/// Returns the numbers of results by their outcome.
fn summary(results: &[Value]) -> Map<String, Value> {
    let outcomes = ["pass", "fail", "warn", "error", "skip"];
    let count = |outcome| results.iter().filter(|result| result["result"] == outcome).count();
    outcomes.into_iter().map(|outcome| (outcome.to_owned(), count(outcome).into())).collect()
}

/// Returns a finding as a result. What is wrong with an object is not scored as long as the policy does not refuse it, which is
/// what the outcome `warn` means. A note is about an object that meets the requirements.
fn result(policy: &str, finding: &Finding) -> Value {
    let (outcome, severity) = match finding.severity {
        Severity::Deny => ("fail", "high"),
        Severity::Warn if finding.would_deny => ("warn", "high"),
        Severity::Warn => ("warn", "medium"),
        Severity::Note => ("pass", "info"),
    };
    let explanation = format!("ordinance explain {}", finding.rule);
    let properties =
        [("remedy", &*finding.remedy), ("field", &*finding.field), ("explanation", &*explanation)];
    let given = properties.iter().filter(|(_, text)| !text.is_empty());
    let mut properties: Map<String, Value> =
        given.map(|(name, text)| ((*name).to_owned(), shortened(text).into())).collect();
    if finding.would_deny {
        properties.insert("wouldDeny".to_owned(), "true".into());
    }
    json!({
        "source": SOURCE, "policy": policy, "rule": finding.rule, "result": outcome, "severity": severity,
        "scored": finding.severity == Severity::Deny, "message": shortened(&finding.fact), "properties": properties,
    })
}

/// Returns the result of a policy that gave no verdict.
fn error(policy: &str, reason: &str) -> Value {
    json!({"source": SOURCE, "policy": policy, "result": "error", "scored": false, "message": shortened(reason)})
}

fn shortened(text: &str) -> String {
    one_line(text, REPORT_TEXT_CHARS).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::Verdict;
    use ordinance_manifests::parse;

    const SET: &str = r#"{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web","namespace":"shop","uid":"u-1"}}"#;

    fn finding(severity: Severity, would_deny: bool) -> Finding {
        let finding = Finding::new("a-rule", severity, "a fact");
        Finding { would_deny, remedy: "Do it".to_owned(), field: "spec.a".to_owned(), ..finding }
    }

    fn audit(findings: Vec<Finding>) -> ObjectAudit {
        let verdict = Verdict { findings, ..Verdict::allow() };
        ObjectAudit::new(verdict, Default::default(), Default::default())
    }

    fn report(text: &str, audit: ObjectAudit, seconds: i64) -> Option<Report> {
        let object = parse(text, 1, "").expect("an object");
        let reported = ReportedObject { object: &object, audits: &[("storage", audit)] };
        reported.report(ReportApi::OpenReports, Timestamp::from_second(seconds).expect("a time"))
    }

    fn body(report: &Report) -> Value {
        serde_json::from_str(&report.body).expect("JSON")
    }

    #[test]
    fn a_report_names_its_object_and_has_the_way_out() {
        let report = report(SET, audit(vec![finding(Severity::Deny, false)]), 7).expect("a report");
        let body = body(&report);
        assert_eq!((&*report.name.namespace, &*report.name.name), ("shop", "ordinance-u-1"));
        assert_eq!((&body["kind"], &body["source"]), (&json!("Report"), &json!("ordinance")));
        let scope = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "namespace": "shop", "name": "web", "uid": "u-1"});
        assert_eq!(body["scope"], scope);
        assert_eq!(body["summary"], json!({"pass": 0, "fail": 1, "warn": 0, "error": 0, "skip": 0}));
        let result = json!({
            "source": "ordinance", "policy": "storage", "rule": "a-rule", "result": "fail", "severity": "high",
            "scored": true, "message": "a fact", "timestamp": {"seconds": 7, "nanos": 0},
            "properties": {"remedy": "Do it", "field": "spec.a", "explanation": "ordinance explain a-rule"},
        });
        assert_eq!(body["results"], json!([result]));
    }

    #[test]
    fn outcomes_follow_severities() {
        let findings = vec![
            finding(Severity::Warn, true),
            finding(Severity::Warn, false),
            finding(Severity::Note, false),
        ];
        let mut audit = audit(findings);
        audit.failure = Some("too large".to_owned());
        let body = body(&report(SET, audit, 0).expect("a report"));
        let outcomes: Vec<_> =
            body["results"].as_array().expect("results").iter().map(|result| &result["result"]).collect();
        assert_eq!(outcomes, ["error", "warn", "warn", "pass"]);
    }

    #[test]
    fn a_later_report_with_the_same_content_has_the_same_digest() {
        let digest = |severity, seconds| {
            report(SET, audit(vec![finding(severity, false)]), seconds).expect("a report").digest
        };
        assert_eq!(digest(Severity::Warn, 1), digest(Severity::Warn, 2));
        assert_ne!(digest(Severity::Warn, 1), digest(Severity::Deny, 1));
    }

    #[test]
    fn a_report_has_a_limited_number_of_results_and_counts_all() {
        let findings = vec![finding(Severity::Warn, false); REPORT_RESULTS + 5];
        let body = body(&report(SET, audit(findings), 0).expect("a report"));
        assert_eq!(body["results"].as_array().expect("results").len(), REPORT_RESULTS);
        assert_eq!(body["summary"]["warn"], REPORT_RESULTS + 5);
    }

    #[test]
    fn an_object_without_findings_or_without_a_uid_for_a_name_has_no_report() {
        assert!(report(SET, audit(Vec::new()), 0).is_none());
        for uid in ["", "../x", "A"] {
            let text = SET.replace("u-1", uid);
            assert!(report(&text, audit(vec![finding(Severity::Deny, false)]), 0).is_none(), "{uid}");
        }
    }
}
