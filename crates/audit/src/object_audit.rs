//! The audit of one object.

use ordinance_contract::{Finding, Rule, Severity, Verdict};
use serde_json::Value;

/// The rule of an object that the webhooks would change if it were created today; the slash keeps it apart from a policy's own
/// rules.
pub const WOULD_CHANGE: &str = "ordinance/would-change";

/// The number of added fields that a finding names.
const NAMED_FIELDS: usize = 3;

/// What a policy says of a stored object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectAudit {
    /// What is wrong now, denials first.
    pub findings: Vec<Finding>,
    /// How to mend the object without hiding files, one step per item.
    pub migration: Vec<String>,
    /// Why the policy gave no verdict on the object as it is stored.
    pub failure: Option<String>,
    /// The answer of the webhooks if the object were created again beside the others.
    pub creation: ExpectedAnswer,
    /// The answer of the webhooks to an update of the object that changes nothing.
    pub update: ExpectedAnswer,
}

/// What the webhooks would answer to a request, with a policy that enforces its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExpectedAnswer {
    /// They would admit the object as it is.
    #[default]
    Unchanged,
    /// They would admit it with a patch that adds these fields.
    Changed(Vec<String>),
    /// They would refuse it by these rules.
    Refused(Vec<String>),
    /// The policy gave no verdict, for this reason.
    Failed(String),
}

/// Describes the rule [`WOULD_CHANGE`].
pub fn would_change_rule() -> Rule {
    Rule {
        id: WOULD_CHANGE.to_owned(),
        title: "The webhooks would change the object if it were created today".to_owned(),
        severity: Severity::Note,
        setting: String::new(),
        annotations: Vec::new(),
        explanation: "The object was stored before the webhooks reviewed it. If it is deleted and applied again, the mutating \
                      webhook adds fields that the stored object lacks, so its pods may look for their files elsewhere. An \
                      update does not add them. The finding names the fields."
            .to_owned(),
    }
}

// === impl ObjectAudit ===

impl ObjectAudit {
    /// Returns the audit of an object with a verdict in the phase audit. Adds a note if the webhooks would change the object
    /// when it is created, and leave it as it is when it is updated.
    pub fn new(verdict: Verdict, creation: ExpectedAnswer, update: ExpectedAnswer) -> Self {
        let Verdict { mut findings, migration, .. } = verdict;
        if let (ExpectedAnswer::Changed(fields), ExpectedAnswer::Unchanged) = (&creation, &update) {
            findings.push(would_change(fields));
        }
        Self { findings, migration, failure: None, creation, update }
    }

    /// Returns the audit of an object on which the policy gave no verdict.
    pub fn failed(reason: String) -> Self {
        let answer = || ExpectedAnswer::Failed(reason.clone());
        Self { creation: answer(), update: answer(), failure: Some(reason), ..Self::default() }
    }

    /// Returns whether a report has nothing to say of the object.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.reason_without_answer().is_none()
    }

    /// Returns why the policy gave no verdict on one of the requests.
    pub fn reason_without_answer(&self) -> Option<&str> {
        self.failure.as_deref().or_else(|| self.creation.failure()).or_else(|| self.update.failure())
    }
}

// === impl ExpectedAnswer ===

impl ExpectedAnswer {
    /// Returns the answer of webhooks that admit an object with the operations of a JSON Patch.
    pub fn of_patch(patch: &[Value]) -> Self {
        if patch.is_empty() {
            Self::Unchanged
        } else {
            Self::Changed(patch.iter().map(added_field).collect())
        }
    }

    fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(reason) => Some(reason),
            Self::Unchanged | Self::Changed(_) | Self::Refused(_) => None,
        }
    }
}

/// Returns the note that fields would be added at creation.
fn would_change(fields: &[String]) -> Finding {
    let (named, others) = fields.split_at(fields.len().min(NAMED_FIELDS));
    let more = match others.len() {
        0 => String::new(),
        1 => " and 1 more field".to_owned(),
        count => format!(" and {count} more fields"),
    };
    let fact = format!("if it were created today, the webhooks would add {}{more}", named.join(", "));
    let remedy = "Move its files to where these fields lead and write the fields into its manifest, as `ordinance migrate` plans \
                  for a StatefulSet, or annotate it to opt out";
    Finding { remedy: remedy.to_owned(), ..Finding::new(WOULD_CHANGE, Severity::Note, &fact) }
}

/// Returns the field that an operation adds, e.g. `spec.template.spec.containers[0].env`.
fn added_field(operation: &Value) -> String {
    let pointer = operation["path"].as_str().unwrap_or_default();
    let mut field = String::new();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        if segment == "-" || !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()) {
            field.push_str(&format!("[{segment}]"));
        } else {
            if !field.is_empty() {
                field.push('.');
            }
            field.push_str(&segment);
        }
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changed(paths: &[&str]) -> ExpectedAnswer {
        let operations = paths.iter().map(|path| json!({"op": "add", "path": path, "value": 1}));
        ExpectedAnswer::of_patch(&operations.collect::<Vec<_>>())
    }

    #[test]
    fn a_change_at_creation_alone_is_a_note_that_names_the_fields() {
        let creation = changed(&["/spec/a~1b/0/subPathExpr", "/spec/env/-", "/spec/c", "/spec/d", "/spec/e"]);
        let audit = ObjectAudit::new(Verdict::allow(), creation, ExpectedAnswer::Unchanged);
        assert_eq!(
            audit.findings[0].fact,
            "if it were created today, the webhooks would add spec.a/b[0].subPathExpr, spec.env[-], spec.c and 2 more fields"
        );
        assert_eq!((audit.findings[0].severity, &*audit.findings[0].rule), (Severity::Note, WOULD_CHANGE));
    }

    #[test]
    fn a_change_that_an_update_makes_too_is_none() {
        let audit = ObjectAudit::new(Verdict::allow(), changed(&["/metadata/a"]), changed(&["/metadata/a"]));
        assert!(audit.is_clean());
    }

    #[test]
    fn an_object_without_a_verdict_is_not_clean() {
        let creation = ExpectedAnswer::Failed("too large".to_owned());
        let audit = ObjectAudit::new(Verdict::allow(), creation, ExpectedAnswer::Unchanged);
        assert_eq!((audit.is_clean(), audit.reason_without_answer()), (false, Some("too large")));
    }
}
