//! The report as JSON, for scripts.

use crate::enforcement::{Enforcement, RequestCounts};
use crate::report::{AuditReport, AuditSource, AuditedObject, FindingCounts, RuleCounts};
use ordinance_contract::{Finding, Scope, Severity};
use ordinance_report::{FixRow, ReadError, plain_json};
use serde::Serialize;

/// The number of namespaces that the answer whether it is safe to enforce names.
const NAMESPACES: usize = 100;

#[derive(Serialize)]
struct JsonReport<'r> {
    source: AuditSource,
    findings: Vec<FindingRow<'r>>,
    failures: Vec<FailureRow<'r>>,
    errors: &'r [ReadError<'r>],
    summary: SummaryRow<'r>,
    enforce: EnforceRow<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingRow<'r> {
    rule: &'r str,
    severity: Severity,
    would_deny: bool,
    object: ObjectRow<'r>,
    file: &'r str,
    line: u64,
    field: &'r str,
    fact: &'r str,
    remedy: &'r str,
    related: &'r [Scope<'static>],
    fixes: Vec<FixRow<'r>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    migration: &'r [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRow<'r> {
    api_version: String,
    kind: &'r str,
    namespace: &'r str,
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
}

/// An object without a verdict.
#[derive(Serialize)]
struct FailureRow<'r> {
    object: ObjectRow<'r>,
    file: &'r str,
    line: u64,
    message: &'r str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SummaryRow<'r> {
    objects: u64,
    skipped: u64,
    findings: u64,
    left_out: u64,
    severities: FindingCounts,
    rules: Vec<RuleCounts<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnforceRow<'r> {
    is_safe: bool,
    objects: u64,
    affected: u64,
    without_answer: u64,
    created_again: &'r RequestCounts,
    updated: &'r RequestCounts,
    namespaces: Vec<NamespaceRow<'r>>,
}

#[derive(Serialize)]
struct NamespaceRow<'r> {
    namespace: &'r str,
    affected: u64,
}

/// Returns the report as one line of JSON.
pub fn json(report: &AuditReport<'_>) -> String {
    let failures = report.objects.iter().filter_map(FailureRow::of);
    let counts = report.counts();
    let document = JsonReport {
        source: report.source,
        findings: report.findings().into_iter().map(FindingRow::from).collect(),
        failures: failures.collect(),
        errors: &report.errors,
        summary: SummaryRow {
            objects: report.enforcement.objects,
            skipped: report.skipped,
            findings: counts.total(),
            left_out: report.left_out.findings,
            severities: counts,
            rules: report.rule_counts(),
        },
        enforce: EnforceRow::of(&report.enforcement, report.is_incomplete()),
    };
    // Serializing strings and lists of strings to memory can't fail.
    plain_json(serde_json::to_string(&document).unwrap_or_default() + "\n")
}

// === impl FindingRow ===

impl<'r> From<(&'r AuditedObject<'_>, &'r Finding)> for FindingRow<'r> {
    fn from((audited, finding): (&'r AuditedObject<'_>, &'r Finding)) -> Self {
        Self {
            rule: &finding.rule,
            severity: finding.severity,
            would_deny: finding.would_deny,
            object: ObjectRow::of(audited),
            file: audited.file,
            line: audited.object.line,
            field: &finding.field,
            fact: &finding.fact,
            remedy: &finding.remedy,
            related: &finding.related,
            fixes: finding.fixes.iter().map(FixRow::from).collect(),
            migration: if finding.is_refusal() { &audited.audit.migration } else { &[] },
        }
    }
}

// === impl FailureRow ===

impl<'r> FailureRow<'r> {
    fn of(audited: &'r AuditedObject<'_>) -> Option<Self> {
        let message = audited.audit.reason_without_answer()?;
        Some(Self { object: ObjectRow::of(audited), file: audited.file, line: audited.object.line, message })
    }
}

// === impl ObjectRow ===

impl<'r> ObjectRow<'r> {
    fn of(audited: &'r AuditedObject<'_>) -> Self {
        Self {
            api_version: audited.object.scope.api_version(),
            kind: &audited.object.kind,
            namespace: &audited.object.scope.namespace,
            name: &audited.object.scope.name,
            created: audited.created(),
        }
    }
}

// === impl EnforceRow ===

impl<'r> EnforceRow<'r> {
    fn of(enforcement: &'r Enforcement, is_incomplete: bool) -> Self {
        let namespaces = enforcement.top_namespaces(NAMESPACES).into_iter();
        Self {
            is_safe: enforcement.is_safe() && !is_incomplete,
            objects: enforcement.objects,
            affected: enforcement.affected,
            without_answer: enforcement.without_answer,
            created_again: &enforcement.creations,
            updated: &enforcement.updates,
            namespaces: namespaces
                .map(|(namespace, affected)| NamespaceRow { namespace, affected })
                .collect(),
        }
    }
}
