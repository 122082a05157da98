//! From a judgement to what is to be written: the patch of what is let in, of what is not the expressions that its causes
//! propose.
//!
//! A proposal is in the message, as people read it: the contract of a policy has no other place for it. What a policy
//! words otherwise is no proposal, and stays for people.

use ordinance_amend::{Change, Reason};
use ordinance_contract::Cause;
use ordinance_report::Judgement;

/// The members that a proposal takes the place of, and the one that it is.
const FIXED: &str = "subPath";
const EXPRESSION: &str = "subPathExpr";

/// What is to be written of an object.
pub(super) fn of(judgement: &Judgement<'_>) -> Result<Vec<Change>, Reason> {
    if judgement.allowed {
        return Change::of_patch(&judgement.patch);
    }
    Ok(judgement.causes.iter().filter_map(proposed).collect())
}

/// The expression that a cause proposes instead of a sub-path.
fn proposed(cause: &Cause) -> Option<Change> {
    let (_, proposal) = cause.message.split_once(". Write subPathExpr: ")?;
    let (expression, _) = proposal.split_once(" instead, or ")?;
    let path = pointer(&cause.field)?;
    let (_, member) = path.rsplit_once('/')?;
    [FIXED, EXPRESSION].contains(&member).then(|| Change::Rewrite {
        path: path.clone(),
        key: EXPRESSION.to_owned(),
        value: expression.to_owned(),
    })
}

/// A field such as `spec.containers[0].name` as a JSON pointer.
fn pointer(field: &str) -> Option<String> {
    let mut pointer = String::new();
    for step in field.split('.') {
        let (name, indices) = step.split_once('[').unwrap_or((step, ""));
        pointer.extend(["/", name]);
        for index in indices.split_terminator(']').map(|index| index.trim_start_matches('[')) {
            pointer.extend(["/", &index.parse::<usize>().ok()?.to_string()]);
        }
    }
    Some(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(field: &str, message: &str) -> Cause {
        Cause { field: field.to_owned(), message: message.to_owned() }
    }

    const FIELD: &str = "spec.template.spec.containers[0].volumeMounts[12].subPath";

    #[test]
    fn a_proposal_for_a_sub_path_is_a_rewrite() {
        let said = "all replicas mount volume \"d\" at the same subPath \"x y\": they overwrite each other's files. Write \
                    subPathExpr: $(ORDINANCE_POD_NAME)/x y instead, or annotate the set";
        let rewrite = |path: &str| {
            Some(Change::Rewrite {
                path: path.to_owned(),
                key: "subPathExpr".to_owned(),
                value: "$(ORDINANCE_POD_NAME)/x y".to_owned(),
            })
        };
        let mount = "/spec/template/spec/containers/0/volumeMounts/12";
        assert_eq!(proposed(&cause(FIELD, said)), rewrite(&format!("{mount}/subPath")));
        assert_eq!(proposed(&cause(&format!("{FIELD}Expr"), said)), rewrite(&format!("{mount}/subPathExpr")));
    }

    #[test]
    fn what_else_a_cause_says_is_for_people() {
        for (field, said) in [
            (FIELD, "they exclude each other. Keep one, e.g. subPathExpr: $(X)"),
            (
                "spec.template.spec.containers[0].volumeMounts[0]",
                "shared. Write subPathExpr: $(X) instead, or not",
            ),
            (
                "spec.template.spec.containers[name=a].volumeMounts[0].subPath",
                "so. Write subPathExpr: a instead, or b",
            ),
            (FIELD, "shared. Write subPathExpr: $(X)"),
        ] {
            assert_eq!(proposed(&cause(field, said)), None, "{field}: {said}");
        }
    }
}
