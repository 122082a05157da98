//! The report as JSON, for scripts.

use crate::{Cause, CheckReport, CheckedObject, ReadError, Summary, UnrenderedDirectory, plain_json};
use ordinance_contract::{Finding, Fix, Scope, Severity};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct JsonReport<'r> {
    results: Vec<ResultRow<'r>>,
    errors: &'r [ReadError<'r>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unrendered: &'r [UnrenderedDirectory],
    summary: Summary,
}

#[derive(Serialize)]
struct ResultRow<'r> {
    file: &'r str,
    line: u64,
    object: ObjectRow<'r>,
    allowed: bool,
    code: u16,
    message: &'r str,
    causes: &'r [Cause],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    migration: &'r [String],
    warnings: &'r [String],
    findings: Vec<FindingRow<'r>>,
    patch: &'r [Value],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRow<'r> {
    api_version: String,
    kind: &'r str,
    namespace: &'r str,
    name: &'r str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingRow<'r> {
    rule: &'r str,
    severity: Severity,
    would_deny: bool,
    line: u64,
    field: &'r str,
    fact: &'r str,
    remedy: &'r str,
    related: &'r [Scope<'static>],
    fixes: Vec<FixRow<'r>>,
}

/// A fix of a finding, as scripts read it.
#[derive(Serialize)]
pub struct FixRow<'r> {
    title: &'r str,
    patch: Option<&'r RawValue>,
}

/// Returns the report as one line of JSON.
pub fn json(report: &CheckReport<'_>) -> String {
    let document = JsonReport {
        // In parallel, since the lines of findings are found by parsing their objects again.
        results: report.objects.par_iter().map(ResultRow::from).collect(),
        errors: &report.errors,
        unrendered: &report.unrendered,
        summary: report.summary(),
    };
    // Serializing strings and lists of strings to memory can't fail.
    plain_json(serde_json::to_string(&document).unwrap_or_default() + "\n")
}

// === impl ResultRow ===

impl<'r> From<&'r CheckedObject<'_>> for ResultRow<'r> {
    fn from(checked: &'r CheckedObject<'_>) -> Self {
        let object = ObjectRow {
            api_version: checked.api_version(),
            kind: &checked.object.kind,
            namespace: &checked.object.scope.namespace,
            name: &checked.name,
        };
        Self {
            file: checked.file,
            line: checked.object.line,
            object,
            allowed: checked.is_admitted(),
            code: checked.outcome.code(),
            message: &checked.message.message,
            causes: &checked.message.causes,
            migration: &checked.migration,
            warnings: &checked.message.warnings,
            findings: checked.findings.iter().map(|finding| FindingRow::of(checked, finding)).collect(),
            patch: &checked.patch,
        }
    }
}

// === impl FindingRow ===

impl<'r> FindingRow<'r> {
    fn of(checked: &CheckedObject<'_>, finding: &'r Finding) -> Self {
        Self {
            rule: &finding.rule,
            severity: finding.severity,
            would_deny: finding.would_deny,
            line: checked.region(&finding.field).line,
            field: &finding.field,
            fact: &finding.fact,
            remedy: &finding.remedy,
            related: &finding.related,
            fixes: finding.fixes.iter().map(FixRow::from).collect(),
        }
    }
}

// === impl FixRow ===

impl<'r> From<&'r Fix> for FixRow<'r> {
    fn from(fix: &'r Fix) -> Self {
        // The engine has checked that it is JSON.
        Self { title: &fix.title, patch: serde_json::from_str(&fix.patch).ok() }
    }
}
