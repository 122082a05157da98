//! Compares the answers to a case with what it expects.

use crate::case::{Case, ExpectedFinding, ExpectedKey, ExpectedVerdicts, PartialExpectation};
use crate::run::Build;
use crate::yaml;
use ordinance_contract::{Finding, Key};
use ordinance_json::applied;
use ordinance_report::VerdictText;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The message of a case without any expectation.
const EXPECTS_NOTHING: &str =
    "the case expects nothing; --bless writes the verdicts into the file, or write expect by hand";

/// An expectation that an answer does not meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What is wrong, in one line.
    pub message: String,
    /// What shows it.
    pub evidence: Evidence,
}

/// What shows that something is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The message says it all.
    None,
    /// Two texts that should be equal.
    Difference {
        /// What is expected.
        expected: String,
        /// What was answered.
        answered: String,
    },
    /// A value, as YAML.
    Value(String),
    /// What happened, step by step.
    Steps(Vec<String>),
}

/// Returns what differs from the expectations of a case that is no race. Whole verdicts are compared in the phases for which the
/// case has one.
///
/// # Errors
///
/// The build gives no keys, or a patch does not fit the object.
pub fn mismatches(
    case: &Case,
    build: &dyn Build,
    answered: &ExpectedVerdicts,
) -> Result<Vec<Mismatch>, String> {
    let mut problems = Vec::new();
    if let Some(expected) = &case.expect {
        problems.extend(compare_verdicts(expected, answered));
    } else if case.partial.is_empty() {
        problems.push(Mismatch::new(EXPECTS_NOTHING));
    }
    let PartialExpectation { allowed, rules, messages, patched, keys, admitted: _, asked: _ } = &case.partial;
    problems.extend(allowed.and_then(|expected| compare_allowed(expected, answered)));
    problems.extend(rules.as_ref().and_then(|expected| compare_rules(expected, answered)));
    problems.extend(compare_messages(messages, answered));
    if patched.is_some() || keys.is_some() {
        let object = final_object(case, answered)?;
        problems.extend(patched.as_ref().and_then(|part| compare_object(part, &object)));
        if let Some(expected) = keys {
            problems
                .extend(compare_keys(expected, &build.keys(&case.settings, &case.request.scope, &object)?));
        }
    }
    Ok(problems)
}

// === impl Evidence ===

impl Evidence {
    /// Returns two values that should be equal.
    pub fn difference(expected: &impl Serialize, answered: &impl Serialize) -> Self {
        Self::Difference { expected: yaml::to_text(expected), answered: yaml::to_text(answered) }
    }

    /// Returns a value.
    pub fn value(value: &impl Serialize) -> Self {
        Self::Value(yaml::to_text(value))
    }
}

// === impl Mismatch ===

impl Mismatch {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), evidence: Evidence::None }
    }

    fn with_value(self, value: &impl Serialize) -> Self {
        Self { evidence: Evidence::value(value), ..self }
    }

    fn with_difference(self, expected: &impl Serialize, answered: &impl Serialize) -> Self {
        Self { evidence: Evidence::difference(expected, answered), ..self }
    }

    /// Returns the message with a line-by-line diff or the value that shows it.
    pub(crate) fn text(&self) -> String {
        let Self { message, evidence } = self;
        match evidence {
            Evidence::None => message.clone(),
            Evidence::Difference { expected, answered } => {
                format!("{message}\n{}", yaml::text_difference(expected, answered))
            }
            Evidence::Value(value) => format!("{message}\n{value}"),
            Evidence::Steps(steps) => format!("{message}\n{}", steps.join("\n")),
        }
    }
}

fn compare_verdicts(expected: &ExpectedVerdicts, answered: &ExpectedVerdicts) -> Option<Mismatch> {
    let answered = answered.only(|phase| expected.has(phase));
    (*expected != answered)
        .then(|| Mismatch::new("the verdicts are not those expected").with_difference(expected, &answered))
}

fn findings(answered: &ExpectedVerdicts) -> impl Iterator<Item = &ExpectedFinding> {
    answered.all().flat_map(|verdict| &verdict.findings)
}

fn compare_allowed(expected: bool, answered: &ExpectedVerdicts) -> Option<Mismatch> {
    let allowed = answered.all().all(|verdict| verdict.allowed);
    let word = |allowed| if allowed { "admitted" } else { "denied" };
    (allowed != expected).then(|| {
        let message = format!("allowed: the request is {}, expected: {}", word(allowed), word(expected));
        Mismatch::new(message).with_value(answered)
    })
}

fn compare_rules(expected: &[String], answered: &ExpectedVerdicts) -> Option<Mismatch> {
    let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let fired: BTreeSet<&str> = findings(answered).map(|finding| &*finding.rule).collect();
    (expected != fired)
        .then(|| Mismatch::new("rules: other rules have findings").with_difference(&expected, &fired))
}

/// Returns the patterns without a message that they match.
fn compare_messages(patterns: &[String], answered: &ExpectedVerdicts) -> Vec<Mismatch> {
    let mut messages: Vec<String> = Vec::new();
    for verdict in answered.all() {
        let findings: Vec<Finding> = verdict.findings.iter().map(finding).collect();
        let VerdictText { message, warnings, .. } = VerdictText::from_findings(&findings);
        messages.extend([message].into_iter().filter(|message| !message.is_empty()).chain(warnings));
    }
    messages.dedup();
    let unmatched =
        patterns.iter().filter(|pattern| !messages.iter().any(|message| matches(pattern, message)));
    let problem = |pattern: &String| {
        let message = format!("messages: nothing matches {pattern:?}; * stands for any text");
        Mismatch::new(message).with_value(&messages)
    };
    unmatched.map(problem).collect()
}

/// Returns a finding with what its text is composed of.
fn finding(expected: &ExpectedFinding) -> Finding {
    Finding {
        would_deny: expected.would_deny,
        field: expected.field.clone(),
        remedy: expected.remedy.clone(),
        ..Finding::new(&expected.rule, expected.severity, &expected.fact)
    }
}

/// Returns whether a pattern matches a whole text. `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(found) = left.find(part) else { return false };
        left = left.get(found + part.len()..).unwrap_or_default();
    }
    left.ends_with(tail)
}

/// Returns the object of the request with the patch of the mutating review.
fn final_object(case: &Case, answered: &ExpectedVerdicts) -> Result<String, String> {
    let object =
        case.request.object.as_deref().ok_or("expect: patched and keys need an object in the request")?;
    let patch = answered.mutate.as_ref().map(|verdict| &*verdict.patch).unwrap_or_default();
    applied(object, patch)
}

fn compare_object(part: &str, object: &str) -> Option<Mismatch> {
    let parsed = |json: &str| serde_json::from_str::<Value>(json).unwrap_or_default();
    let (part, object) = (parsed(part), parsed(object));
    let answered = projection(&part, &object);
    (part != answered).then(|| {
        Mismatch::new("patched: the object with the patch is another").with_difference(&part, &answered)
    })
}

/// Returns the part of an object that an expected part names. Lists and other values are whole.
fn projection(part: &Value, object: &Value) -> Value {
    let (Value::Object(part), Value::Object(object)) = (part, object) else { return object.clone() };
    let members = part
        .iter()
        .filter_map(|(name, part)| object.get(name).map(|value| (name.clone(), projection(part, value))));
    Value::Object(members.collect::<Map<String, Value>>())
}

fn compare_keys(expected: &[ExpectedKey], answered: &Result<Vec<Key>, String>) -> Option<Mismatch> {
    let keys = match answered {
        Ok(keys) => keys,
        Err(reason) => {
            return Some(Mismatch::new(format!("keys: the policy can't read the object: {reason}")));
        }
    };
    let is_expected = |key: &Key| expected.iter().any(|expected| is_like(expected, key));
    let is_found = |expected: &ExpectedKey| keys.iter().any(|key| is_like(expected, key));
    if keys.iter().all(is_expected) && expected.iter().all(is_found) {
        return None;
    }
    let answered: Vec<ExpectedKey> = keys.iter().map(|key| as_expected(key, expected)).collect();
    Some(Mismatch::new("keys: the object has other keys").with_difference(&expected, &answered))
}

fn is_like(expected: &ExpectedKey, key: &Key) -> bool {
    (&expected.realm, &expected.path, expected.stance) == (&key.realm, &key.path, key.stance)
        && expected.note.as_ref().is_none_or(|note| *note == key.note)
}

/// Returns a key as the case writes it: without a note if the case expects it without one.
fn as_expected(key: &Key, expected: &[ExpectedKey]) -> ExpectedKey {
    let note = match expected.iter().any(|expected| expected.note.is_none() && is_like(expected, key)) {
        true => None,
        false => Some(key.note.clone()),
    };
    ExpectedKey { realm: key.realm.clone(), path: key.path.clone(), stance: key.stance, note }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pattern_matches_a_whole_text() {
        for (pattern, text) in [("a*c", "abbc"), ("*", ""), ("abc", "abc"), ("*b*b*", "abab"), ("a**", "a")] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a*bb", "ab"), ("*x*", "abc"), ("ab*ba", "aba"), ("", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_part_of_an_object_may_leave_out_members_but_no_items() {
        let object = json!({"a": {"b": 1, "c": 2}, "d": [1, 2]}).to_string();
        for part in [json!({"a": {"b": 1}}), json!({"d": [1, 2]}), json!({})] {
            assert_eq!(compare_object(&part.to_string(), &object), None);
        }
        for part in [json!({"a": {"b": 2}}), json!({"d": [1]}), json!({"e": null}), json!({"a": 1})] {
            assert!(compare_object(&part.to_string(), &object).is_some(), "{part}");
        }
    }
}
