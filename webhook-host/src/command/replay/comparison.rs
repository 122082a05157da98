//! What differs between the answers of two sides, by kind of change.

use super::answer::SideAnswer;
use super::recorded_request::RecordedRequest;
use ordinance_contract::{Finding, Request};
use ordinance_engine::Failure;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The result of a replay.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// The replayed reviews.
    pub(super) reviews: u64,
    /// The reviews that a side answers otherwise.
    pub(super) changed: u64,
    /// The reviews that a side did not answer.
    pub(super) unanswered: u64,
    /// The changes, verdicts first.
    pub(super) changes: BTreeMap<ChangeKind, Change>,
    /// Reviews that could not be read, or got no verdict; each with its place.
    pub(super) errors: Vec<String>,
}

/// What changes. The order is that of the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ChangedPart {
    /// Whether the request is admitted.
    Verdict,
    /// The severity of a rule's findings.
    Rule(String),
    /// The patch.
    Patch,
}

/// A change of one part, from one state to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChangeKind {
    pub(super) part: ChangedPart,
    pub(super) before: String,
    pub(super) after: String,
}

/// The reviews with a change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) reviews: u64,
    /// The first of them.
    pub(super) example: ChangeExample,
}

/// A review with a change, and what the two sides answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeExample {
    /// The file, and the line in a file of several reviews.
    pub(super) place: String,
    /// e.g. `CREATE StatefulSet shop/web`.
    pub(super) request: String,
    pub(super) before: AnswerText,
    pub(super) after: AnswerText,
}

/// An answer for scripts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnswerText {
    allowed: bool,
    findings: Vec<Finding>,
    patch: Vec<Value>,
}

// === impl Comparison ===

impl Comparison {
    /// Adds the answers of both sides to a request.
    pub(super) fn add(
        &mut self,
        recorded: &RecordedRequest,
        before: Result<SideAnswer, Failure>,
        after: Result<SideAnswer, Failure>,
    ) {
        self.reviews += 1;
        match (before, after) {
            (Ok(before), Ok(after)) => self.add_answers(recorded, &before, &after),
            (before, after) => {
                self.unanswered += 1;
                for (side, answer) in [("the old side", before), ("the new side", after)] {
                    if let Err(failure) = answer {
                        self.errors.push(format!("{}: {side} gave no verdict: {failure}", recorded.place));
                    }
                }
            }
        }
    }

    fn add_answers(&mut self, recorded: &RecordedRequest, before: &SideAnswer, after: &SideAnswer) {
        let kinds = changes(&recorded.request, before, after);
        self.changed += u64::from(!kinds.is_empty());
        for kind in kinds {
            let example = || ChangeExample::new(recorded, before, after);
            let change =
                self.changes.entry(kind).or_insert_with(|| Change { reviews: 0, example: example() });
            change.reviews += 1;
        }
    }
}

/// Returns what differs between two answers.
fn changes(request: &Request<'_>, before: &SideAnswer, after: &SideAnswer) -> Vec<ChangeKind> {
    let change =
        |part, before: String, after: String| (before != after).then_some(ChangeKind { part, before, after });
    let verdict = change(ChangedPart::Verdict, verdict(before), verdict(after));
    let rules: BTreeSet<&str> =
        before.findings.iter().chain(&after.findings).map(|finding| &*finding.rule).collect();
    let rules = rules.into_iter().filter_map(|rule| {
        change(ChangedPart::Rule(rule.to_owned()), severity(before, rule), severity(after, rule))
    });
    let patch = (is_patched_otherwise(request, before, after)).then(|| ChangeKind {
        part: ChangedPart::Patch,
        before: patch(before),
        after: patch(after),
    });
    verdict.into_iter().chain(rules).chain(patch).collect()
}

/// Returns whether two patches give different objects. Their operations may differ in order and form.
fn is_patched_otherwise(request: &Request<'_>, before: &SideAnswer, after: &SideAnswer) -> bool {
    let object = request.object.as_deref().unwrap_or_default();
    let patched = |answer: &SideAnswer| -> Option<Value> {
        serde_json::from_str(&ordinance_json::applied(object, &answer.patch).ok()?).ok()
    };
    before.patch != after.patch && patched(before) != patched(after)
}

fn verdict(answer: &SideAnswer) -> String {
    if answer.is_allowed { "admitted" } else { "denied" }.to_owned()
}

/// Returns the most serious severity of a rule's findings, `-` without one.
fn severity(answer: &SideAnswer, rule: &str) -> String {
    let of_rule = answer.findings.iter().filter(|finding| finding.rule == rule);
    of_rule.min_by_key(|finding| finding.rank()).map_or("-", Finding::word).to_owned()
}

fn patch(answer: &SideAnswer) -> String {
    match answer.patch.len() {
        0 => "-".to_owned(),
        1 => "1 operation".to_owned(),
        count => format!("{count} operations"),
    }
}

// === impl ChangeExample ===

impl ChangeExample {
    fn new(recorded: &RecordedRequest, before: &SideAnswer, after: &SideAnswer) -> Self {
        Self {
            place: recorded.place.clone(),
            request: recorded.title(),
            before: before.into(),
            after: after.into(),
        }
    }
}

impl From<&SideAnswer> for AnswerText {
    fn from(answer: &SideAnswer) -> Self {
        let SideAnswer { is_allowed, findings, patch } = answer.clone();
        Self { allowed: is_allowed, findings, patch }
    }
}
