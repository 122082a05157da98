//! For scripts.

use crate::{Judgement, Report, Summary, Trouble};
use ordinance_contract::Cause;
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Whole<'r> {
    results: Vec<Row<'r>>,
    errors: &'r [Trouble<'r>],
    summary: Summary,
}

#[derive(Serialize)]
struct Row<'r> {
    file: &'r str,
    line: u64,
    object: Object<'r>,
    allowed: bool,
    code: u16,
    message: &'r str,
    causes: &'r [Cause],
    warnings: &'r [String],
    patch: &'r [Value],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'r> {
    api_version: String,
    kind: &'r str,
    namespace: &'r str,
    name: &'r str,
}

/// The report as one line of JSON.
pub fn json(report: &Report<'_>) -> String {
    let whole = Whole {
        results: report.judgements.iter().map(Row::from).collect(),
        errors: &report.troubles,
        summary: report.summary(),
    };
    // Strings and lists of strings, written to memory: there is nothing that can fail.
    serde_json::to_string(&whole).unwrap_or_default() + "\n"
}

// === impl Row ===

impl<'r> From<&'r Judgement<'_>> for Row<'r> {
    fn from(judgement: &'r Judgement<'_>) -> Self {
        let object = Object {
            api_version: judgement.api_version(),
            kind: &judgement.object.kind,
            namespace: &judgement.object.scope.namespace,
            name: &judgement.name,
        };
        Self {
            file: judgement.file,
            line: judgement.object.line,
            object,
            allowed: judgement.allowed,
            code: judgement.code,
            message: &judgement.message,
            causes: &judgement.causes,
            warnings: &judgement.warnings,
            patch: &judgement.patch,
        }
    }
}
