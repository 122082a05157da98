//! The report as SARIF 2.1.0, for code scanning.
//!
//! Every rule of the policy is listed, with its explanation. The fingerprint of a result is made of the rule, the
//! object and the text, not of the position, so it stays the same while lines move.

use crate::{AdmissionOutcome, CheckReport, CheckedObject, ReadError, TextOrigin, plain_json};
use ordinance_amend::{FieldChange, Splice, splices};
use ordinance_contract::{Finding, Fix, Rule, Severity};
use ordinance_manifests::Region;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The project's home page.
const PROJECT: &str = "https://github.com/ordinance-dev/ordinance#readme";

/// Characters that stay as they are in the path of a URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The rule of a text that cannot be read; the slash keeps it apart from a policy's own rules.
const UNREADABLE: &str = "ordinance/unreadable";
/// The rule of an object on which the policy gives no verdict.
const NO_VERDICT: &str = "ordinance/no-verdict";

/// The results, and the positions of the rules that they refer to.
struct SarifLog<'r> {
    report: &'r CheckReport<'r>,
    /// The positions of the rules in the log, by id.
    rules: HashMap<&'r str, usize>,
    /// The number of results with the same fingerprint so far.
    seen: HashMap<String, u32>,
    results: Vec<Value>,
}

/// The parts of a result.
struct ResultParts<'a> {
    rule: &'a str,
    severity: Severity,
    message: &'a str,
    /// What the fingerprint is made of, beside the rule.
    identity: &'a [&'a str],
    location: Value,
}

/// Returns the report as a SARIF log.
pub fn sarif(report: &CheckReport<'_>) -> String {
    let mut log = SarifLog::new(report);
    report.errors.iter().for_each(|error| log.add_error(error));
    report.objects.iter().for_each(|object| log.add_object(object));
    let rules: Vec<Value> = report
        .rules
        .iter()
        .map(|rule| described(rule, report.rules_page))
        .chain([unreadable_rule(), no_verdict_rule()])
        .collect();
    let driver = json!({
        "name": "ordinance",
        "semanticVersion": report.version,
        "informationUri": PROJECT,
        "rules": rules,
    });
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "%SRCROOT%": { "description": { "text": "The directory that ordinance ran in." } } },
            "results": log.results,
        }],
    });
    plain_json(document.to_string() + "\n")
}

// === impl SarifLog ===

impl<'r> SarifLog<'r> {
    fn new(report: &'r CheckReport<'_>) -> Self {
        let own = report.rules.iter().map(|rule| &*rule.id);
        let rules = own.chain([UNREADABLE, NO_VERDICT]).enumerate().map(|(at, id)| (id, at)).collect();
        Self { report, rules, seen: HashMap::new(), results: Vec::new() }
    }

    fn add_error(&mut self, error: &ReadError<'_>) {
        let region = json!({ "startLine": error.line, "startColumn": error.column });
        let result = self.result(&ResultParts {
            rule: UNREADABLE,
            severity: Severity::Deny,
            message: &error.message,
            identity: &[error.file, &error.message],
            location: location(error.file, &region),
        });
        self.results.push(result);
    }

    fn add_object(&mut self, checked: &CheckedObject<'_>) {
        if checked.outcome == AdmissionOutcome::Failed {
            let result = self.of_object(checked, NO_VERDICT, Severity::Deny, "", &checked.message.message);
            self.results.push(result);
        }
        for finding in &checked.findings {
            self.add_finding(checked, finding);
        }
    }

    fn add_finding(&mut self, checked: &CheckedObject<'_>, finding: &Finding) {
        let message = match &*finding.remedy {
            "" => finding.fact.clone(),
            remedy => format!("{}. {remedy}", finding.fact),
        };
        let mut result = self.of_object(checked, &finding.rule, finding.severity, &finding.field, &message);
        let fixes: Vec<Value> = finding.fixes.iter().filter_map(|fix| sarif_fix(checked, fix)).collect();
        if !fixes.is_empty() {
            result["fixes"] = Value::from(fixes);
        }
        if finding.would_deny {
            result["properties"] = json!({ "wouldDeny": true });
        }
        self.results.push(result);
    }

    fn of_object(
        &mut self,
        checked: &CheckedObject<'_>,
        rule: &str,
        severity: Severity,
        field: &str,
        message: &str,
    ) -> Value {
        let title = checked.title();
        let mut result = self.result(&ResultParts {
            rule,
            severity,
            message,
            identity: &[&checked.api_version(), &title, field, message],
            location: location(checked.file, &region(&checked.region(field))),
        });
        result["locations"][0]["logicalLocations"] =
            json!([{ "fullyQualifiedName": title, "kind": "resource" }]);
        result
    }

    fn result(&mut self, parts: &ResultParts<'_>) -> Value {
        json!({
            "ruleId": parts.rule,
            "ruleIndex": self.rules.get(parts.rule),
            "level": level(parts.severity),
            "message": { "text": parts.message },
            "locations": [parts.location],
            "partialFingerprints": self.fingerprints(parts),
        })
    }

    fn fingerprints(&mut self, parts: &ResultParts<'_>) -> Value {
        let mut digest = Sha256::new();
        for part in [&*self.report.policy, parts.rule].iter().chain(parts.identity) {
            digest.update(part);
            digest.update([0]);
        }
        let digest = format!("{:x}", digest.finalize());
        let hash = digest.get(..32).unwrap_or_default();
        let count = self.seen.entry(hash.to_owned()).or_insert(0);
        *count += 1;
        // GitHub reads the first one only.
        json!({ "primaryLocationLineHash": format!("{hash}:{count}"), "ordinance/v1": format!("{hash}:{count}") })
    }
}

fn described(rule: &Rule, page: Option<&str>) -> Value {
    let mut described = descriptor(&rule.id, &rule.title, &rule.explanation, rule.severity);
    if let Some(page) = page {
        described["helpUri"] = Value::from(format!("{page}#{}", rule.id));
    }
    described
}

fn unreadable_rule() -> Value {
    let help = "The text could not be checked. Render templates first, e.g. by `helm template`.";
    descriptor(UNREADABLE, "A text that is no Kubernetes object", help, Severity::Deny)
}

fn no_verdict_rule() -> Value {
    let help = "The policy ran into a limit or failed. A cluster would deny the object with code 500. The message names the \
                limit and its setting.";
    descriptor(NO_VERDICT, "An object on which the policy gives no verdict", help, Severity::Deny)
}

fn descriptor(id: &str, title: &str, help: &str, severity: Severity) -> Value {
    json!({
        "id": id,
        "name": id.split(['/', '-']).map(capitalized).collect::<String>(),
        "shortDescription": { "text": title },
        "fullDescription": { "text": title },
        "help": { "text": help, "markdown": help },
        "helpUri": PROJECT,
        "defaultConfiguration": { "level": level(severity) },
        "properties": {
            "tags": ["kubernetes", "storage"],
            "precision": "high",
            "problem.severity": problem_severity(severity),
        },
    })
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Deny => "error",
        Severity::Warn => "warning",
        Severity::Note => "note",
    }
}

/// Returns the value of `problem.severity`, which GitHub's code scanning reads.
const fn problem_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Deny => "error",
        Severity::Warn => "warning",
        Severity::Note => "recommendation",
    }
}

/// Returns a fix as replacements in the object's file, or `None` if there is no such file or it cannot be edited safely.
fn sarif_fix(checked: &CheckedObject<'_>, fix: &Fix) -> Option<Value> {
    if checked.origin == TextOrigin::Rendered {
        return None;
    }
    let patch: Vec<Value> = serde_json::from_str(&fix.patch).ok()?;
    let changes = FieldChange::from_patch(&patch).ok()?;
    let splices = splices(checked.text, checked.object, &changes).ok()?;
    let replacements: Vec<Value> = splices.iter().map(|splice| replacement(checked.text, splice)).collect();
    let changes = json!([{ "artifactLocation": artifact(checked.file), "replacements": replacements }]);
    Some(json!({ "description": { "text": fix.title }, "artifactChanges": changes }))
}

fn replacement(text: &str, splice: &Splice) -> Value {
    let (line, column) = position(text, splice.at.start);
    let (end_line, end_column) = position(text, splice.at.end);
    json!({
        "deletedRegion": {
            "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column,
        },
        "insertedContent": { "text": splice.text },
    })
}

/// Returns line and column of a byte offset, both from 1, the column in characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn location(file: &str, region: &Value) -> Value {
    json!({ "physicalLocation": { "artifactLocation": artifact(file), "region": region } })
}

/// Returns a file as a URI, relative to the working directory unless the path is absolute.
fn artifact(file: &str) -> Value {
    let relative = file.strip_prefix("./").unwrap_or(file);
    let encoded = utf8_percent_encode(if relative == "-" { "stdin" } else { relative }, PATH);
    match file.starts_with('/') {
        true => json!({ "uri": format!("file://{encoded}") }),
        false => json!({ "uri": encoded.to_string(), "uriBaseId": "%SRCROOT%" }),
    }
}

fn region(region: &Region) -> Value {
    json!({
        "startLine": region.line,
        "startColumn": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    })
}
