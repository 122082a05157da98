//! Laws that hold for every verdict on any request.
//!
//! A broken law is described in one line, with the part of the verdict that breaks it.

use ordinance_contract::{ANNOTATION_KEY_BYTES, Finding, MESSAGE_CHARS, Phase, Request, Severity, Verdict};
use ordinance_json::applied;
use serde_json::Value;

/// Checks the form of a verdict: facts and remedies are single lines without a full stop, rules are kebab-case ids,
/// denials come first, every fix applies to the object, and only an admitted request has a patch, in the phase `mutate`.
///
/// # Errors
///
/// The part that breaks the law.
pub fn well_formed(request: &Request<'_>, verdict: &Verdict) -> Result<(), String> {
    for finding in &verdict.findings {
        well_formed_finding(request, finding)
            .map_err(|error| format!("{}: {error}: {finding:?}", finding.rule))?;
    }
    if !verdict.findings.is_sorted_by_key(Finding::rank) {
        return Err("denials do not come first, or not what would be denied before other warnings".to_owned());
    }
    if let Some(annotation) = verdict.audit.iter().find(|annotation| !is_audit_key(&annotation.key)) {
        return Err(format!("an audit annotation named {:?}", annotation.key));
    }
    if verdict.patch.is_some() && (!verdict.is_allowed() || request.phase != Phase::Mutate) {
        return Err("a patch of a denied request, or in another phase than mutate".to_owned());
    }
    Ok(())
}

fn well_formed_finding(request: &Request<'_>, finding: &Finding) -> Result<(), String> {
    if !is_rule_id(&finding.rule) {
        return Err("the rule's id is not in kebab case".to_owned());
    }
    if finding.would_deny && finding.severity != Severity::Warn {
        return Err("it would be denied, but is no warning".to_owned());
    }
    if finding.fact.is_empty() {
        return Err("there is no fact".to_owned());
    }
    for text in [&finding.fact, &finding.remedy, &finding.field] {
        let is_long = text.chars().count() > MESSAGE_CHARS;
        if is_long || text.contains(char::is_control) || text.ends_with('.') || text.trim() != text {
            return Err(format!("not one line without a full stop: {text:?}"));
        }
    }
    for fix in &finding.fixes {
        let patch: Vec<Value> = serde_json::from_str(&fix.patch).map_err(|error| error.to_string())?;
        applied(request.object.as_deref().unwrap_or_default(), &patch)?;
    }
    Ok(())
}

fn is_rule_id(id: &str) -> bool {
    id.split('-').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}

fn is_audit_key(key: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=ANNOTATION_KEY_BYTES).contains(&key.len()) && key.bytes().all(known)
}

/// A patch only adds, and only to existing parents. Everything that the user wrote stays where it was.
///
/// # Errors
///
/// Returns the broken part of the law.
pub fn only_adds(object: &str, patch: &str) -> Result<(), String> {
    let Ok(object) = serde_json::from_str::<Value>(object) else {
        // The policy skips what it need not read, e.g. a number that no `Value` can hold.
        return Ok(());
    };
    let operations: Vec<Value> = serde_json::from_str(patch).map_err(|error| format!("{error}: {patch}"))?;
    if operations.is_empty() {
        return Err("an empty patch".to_owned());
    }
    for operation in &operations {
        adds_to_a_parent(&object, operation)?;
    }
    let patched = applied(&object.to_string(), &operations)?;
    let patched: Value = serde_json::from_str(&patched).map_err(|error| error.to_string())?;
    if keeps(&object, &patched) { Ok(()) } else { Err(format!("the user's fields are changed by {patch}")) }
}

fn adds_to_a_parent(object: &Value, operation: &Value) -> Result<(), String> {
    let path = operation.get("path").and_then(Value::as_str).unwrap_or_default();
    let parent = path.rsplit_once('/').and_then(|(parent, _)| object.pointer(parent));
    let there = parent.is_some_and(|parent| parent.is_object() || parent.is_array());
    if operation.get("op").and_then(Value::as_str) == Some("add") && there {
        return Ok(());
    }
    Err(format!("not an addition to a parent that is there: {operation}"))
}

/// Whether `new` contains all of `old` at the same places. `null` counts as absent, and an empty `subPathExpr` as
/// unset.
fn keeps(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Null, _) => true,
        (Value::Object(old), Value::Object(new)) => old.iter().all(|(name, value)| {
            is_unset(name, value) || new.get(name).is_some_and(|kept| keeps(value, kept))
        }),
        (Value::Array(old), Value::Array(new)) => {
            old.len() <= new.len() && old.iter().zip(new).all(|(old, new)| keeps(old, new))
        }
        (old, new) => old == new,
    }
}

fn is_unset(name: &str, value: &Value) -> bool {
    value.is_null() || name == "subPathExpr" && value == ""
}

/// An allowed mutation is complete: a second mutating call has no patch, and validation allows the result.
///
/// # Errors
///
/// Returns the broken part of the law, or the reason why there was no verdict.
pub fn settles(
    request: &Request<'_>,
    verdict: &Verdict,
    ask: &dyn Fn(&Request<'_>) -> Result<Verdict, String>,
) -> Result<(), String> {
    let (Phase::Mutate, true, Some(object)) = (request.phase, verdict.is_allowed(), &request.object) else {
        return Ok(());
    };
    let patch = verdict.patch.as_deref().map(serde_json::from_str::<Vec<Value>>).transpose();
    let object = match patch.map_err(|error| error.to_string())? {
        Some(patch) if serde_json::from_str::<Value>(object).is_ok() => applied(object, &patch)?,
        Some(_) => return Ok(()),
        None => object.to_string(),
    };
    let mut again = Request { object: Some(object.into()), ..request.clone() };
    if let Some(patch) = ask(&again)?.patch {
        return Err(format!("asked again, it still patches: {patch}"));
    }
    again.phase = Phase::Validate;
    let validated = ask(&again)?;
    match validated.findings.iter().find(|finding| finding.severity == Severity::Deny) {
        None => Ok(()),
        Some(denial) => Err(format!("mutated, but denied: {denial:?}")),
    }
}

/// Checks all laws.
///
/// # Errors
///
/// Returns the first broken law.
pub fn lawful(
    request: &Request<'_>,
    ask: &dyn Fn(&Request<'_>) -> Result<Verdict, String>,
) -> Result<Verdict, String> {
    let verdict = ask(request)?;
    well_formed(request, &verdict)?;
    if let (Some(object), Some(patch)) = (&request.object, &verdict.patch) {
        only_adds(object, patch)?;
    }
    settles(request, &verdict, ask)?;
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = r#"{"a": [{"b": 1}], "n": null}"#;

    #[test]
    fn an_addition_to_what_is_there_is_lawful() {
        let patch = r#"[{"op":"add","path":"/a/0/c","value":2},{"op":"add","path":"/a/-","value":{}},{"op":"add","path":"/n","value":[]}]"#;
        assert_eq!(only_adds(OBJECT, patch), Ok(()));
    }

    #[test]
    fn a_patch_that_rewrites_moves_or_makes_parents_is_not() {
        for operation in [
            r#"{"op":"add","path":"/a/0/b","value":2}"#,
            r#"{"op":"add","path":"/a/0","value":{}}"#,
            r#"{"op":"add","path":"/x/y","value":{}}"#,
            r#"{"op":"add","path":"","value":{}}"#,
            r#"{"op":"replace","path":"/a/0/b","value":1}"#,
            r#"{"op":"remove","path":"/n"}"#,
        ] {
            assert!(only_adds(OBJECT, &format!("[{operation}]")).is_err(), "{operation}");
        }
    }
}
