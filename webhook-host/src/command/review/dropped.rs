//! What an answer leaves out of a policy's verdict, and what the API server will not accept of it.

use ordinance_contract::{
    ANNOTATION_KEY_BYTES, MESSAGE_CHARS, Request, Severity, Verdict, WARNINGS, one_line, rule_tag,
};
use ordinance_json::applied;
use serde_json::Value;
use std::collections::BTreeSet;

/// Returns a line for each part of a verdict that neither the client nor the audit log gets.
pub(super) fn dropped(request: &Request<'_>, verdict: &Verdict) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(patch(request, verdict));
    lines.extend(verdict.audit.iter().filter_map(|annotation| {
        let key = &annotation.key;
        if !is_key(key) {
            return Some(format!(
                "dropped: the audit annotation {key:?}, whose key is not 1 to {ANNOTATION_KEY_BYTES} characters of A-Z, a-z, 0-9, ., _ and -"
            ));
        }
        let value = one_line(&annotation.value, MESSAGE_CHARS);
        (value != annotation.value).then(|| format!("cut: the value of the audit annotation {key:?}"))
    }));
    lines.extend(remedies(verdict));
    lines.extend(warnings(verdict));
    lines
}

/// Returns how many warnings the answer leaves out; of equal ones it has one.
fn warnings(verdict: &Verdict) -> Option<String> {
    let warnings = verdict.findings.iter().filter(|finding| finding.severity == Severity::Warn);
    let distinct: BTreeSet<_> =
        warnings.map(|warning| (&warning.rule, &warning.field, &warning.fact, &warning.remedy)).collect();
    let (count, kept) = (distinct.len(), WARNINGS - 1);
    (count > WARNINGS)
        .then(|| format!("dropped: all but {kept} of {count} warnings; the last one counts the rest"))
}

/// Returns what happens to the patch, if not what the policy means.
fn patch(request: &Request<'_>, verdict: &Verdict) -> Option<String> {
    let patch = verdict.patch.as_deref()?;
    if !verdict.is_allowed() {
        return Some("dropped: the patch, since the request is denied".to_owned());
    }
    let operations: Vec<Value> = serde_json::from_str(patch).ok()?;
    let object = request.object.as_deref().unwrap_or("null");
    let error = applied(object, &operations).err()?;
    Some(format!(
        "the API server will refuse the request: {error}; make the patch for the object as it was sent"
    ))
}

/// Returns a line for each note with a remedy: an allowed request has no message, and a note is no warning.
fn remedies(verdict: &Verdict) -> impl Iterator<Item = String> {
    let is_unseen = |severity| severity == Severity::Note;
    verdict
        .findings
        .iter()
        .filter(move |finding| is_unseen(finding.severity) && !finding.remedy.is_empty())
        .map(|finding| {
            format!(
                "dropped: the text of a note, which no client sees: {}{}; make it a warning to show it",
                finding.fact,
                rule_tag(&finding.rule)
            )
        })
}

fn is_key(key: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=ANNOTATION_KEY_BYTES).contains(&key.len()) && key.bytes().all(is_allowed)
}
