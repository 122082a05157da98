//! The changes that `--fix` writes: the patch of an admitted object, and the first fix of each denial.

use ordinance_amend::FieldChange;
use ordinance_contract::{Finding, Severity};
use ordinance_json::applied;
use ordinance_report::CheckedObject;
use serde_json::Value;

/// Returns the changes of an object.
///
/// # Errors
///
/// A patch can't be written into the text, or a fix does not apply to the object; in one line.
pub(super) fn of(checked: &CheckedObject<'_>) -> Result<Vec<FieldChange>, String> {
    let operations = if checked.is_admitted() { checked.patch.clone() } else { fixes(checked)? };
    FieldChange::from_patch(&operations).map_err(|reason| reason.to_string())
}

/// Returns the operations of the first fix of each denial. Each fix is for the object as it was sent, so all of them apply
/// together.
fn fixes(checked: &CheckedObject<'_>) -> Result<Vec<Value>, String> {
    let denials = checked.findings.iter().filter(|finding| finding.severity == Severity::Deny);
    let mut operations = Vec::new();
    for finding in denials {
        operations.extend(first_fix(checked, finding)?);
    }
    Ok(operations)
}

fn first_fix(checked: &CheckedObject<'_>, finding: &Finding) -> Result<Vec<Value>, String> {
    let Some(fix) = finding.fixes.first() else { return Ok(Vec::new()) };
    let operations: Vec<Value> = serde_json::from_str(&fix.patch)
        .map_err(|error| format!("the fix of rule {} is not a JSON Patch: {error}", finding.rule))?;
    match applied(&checked.object.json, &operations) {
        Ok(_) => Ok(operations),
        Err(error) => Err(format!("the fix of rule {} does not apply: {error}", finding.rule)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::Fix;
    use ordinance_manifests::Manifest;
    use ordinance_report::{AdmissionOutcome, TextOrigin, VerdictText};

    const TEXT: &str = "apiVersion: v1\nkind: Thing\nmetadata: {name: a}\nspec: {size: 1}\n";

    fn objects() -> Vec<Manifest> {
        ordinance_manifests::read(TEXT, "default").into_iter().flatten().collect()
    }

    fn denied<'a>(object: &'a Manifest, severity: Severity, patch: &str) -> CheckedObject<'a> {
        let fix = Fix { title: "Do it".to_owned(), patch: patch.to_owned() };
        let finding = Finding { fixes: vec![fix], ..Finding::new("a-rule", severity, "a fact") };
        CheckedObject {
            file: "a.yaml",
            text: TEXT,
            origin: TextOrigin::File,
            object,
            name: "a".into(),
            outcome: AdmissionOutcome::Denied,
            message: VerdictText::default(),
            findings: vec![finding],
            patch: Vec::new(),
            stored: None,
            migration: Vec::new(),
        }
    }

    #[test]
    fn uses_the_fix_of_a_denial_and_not_that_of_a_warning() {
        let objects = objects();
        let patch = r#"[{"op":"add","path":"/spec/color","value":"red"}]"#;
        assert_eq!(of(&denied(&objects[0], Severity::Deny, patch)).map(|changes| changes.len()), Ok(1));
        assert_eq!(of(&denied(&objects[0], Severity::Warn, patch)).map(|changes| changes.len()), Ok(0));
    }

    #[test]
    fn names_the_rule_of_a_fix_that_does_not_apply() {
        let objects = objects();
        let error = of(&denied(&objects[0], Severity::Deny, r#"[{"op":"remove","path":"/spec/none"}]"#));
        let error = error.expect_err("there is no such field");
        assert!(error.starts_with("the fix of rule a-rule does not apply: "), "{error}");
    }
}
