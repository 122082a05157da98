//! The limit on the steps of expressions: only variables that grow reach it, and beyond it nothing is allowed.

use ordinance_contract::{Phase, Severity, Verdict};
use ordinance_policy::Settings;
use ordinance_testkit::shapes::{ShapedReview, shapes};

/// The shapes whose expressions, or the patch with them, have much more text than the set, and one whose many volumes all
/// continue the same mounts.
const GROWING: [&str; 7] = [
    "many variables that double each other",
    "many expressions of a large variable",
    "many mounts with one large value in different spellings",
    "many mounts beside one with a long expression",
    "an update that drops variables of a large value",
    "an update that makes one volume many",
    "many mounts of a claim with a long mark",
];

/// The size of the reviews, in bytes.
const BYTES: usize = 64 * 1024;

fn verdict(review: &ShapedReview, settings: &str, phase: Phase) -> Verdict {
    let settings = Settings::parse(settings).expect("settings");
    let request = ordinance_contract::Request { phase, ..review.request.clone() };
    ordinance_policy::review(&request, &settings, &review.holdings)
}

fn is_unresolved(verdict: &Verdict) -> bool {
    verdict.findings.iter().any(|finding| finding.rule == "unresolved-sub-path")
}

#[test]
fn only_expressions_that_grow_are_unresolved() {
    for shape in shapes() {
        let verdict = verdict(&shape.of_bytes(BYTES), "", Phase::Mutate);
        assert_eq!(is_unresolved(&verdict), GROWING.contains(&shape.name), "{}", shape.name);
    }
}

#[test]
fn an_unresolved_set_is_denied_as_a_whole_unless_the_mode_puts_that_off() {
    for shape in shapes().into_iter().filter(|shape| GROWING.contains(&shape.name)) {
        let review = shape.of_bytes(BYTES);
        for phase in [Phase::Mutate, Phase::Validate, Phase::Audit] {
            let denied = verdict(&review, "", phase);
            assert!(denied.findings.len() == 1 && is_unresolved(&denied), "{}", shape.name);
            assert!(!denied.is_allowed(), "{}", shape.name);
            let put_off = verdict(&review, r#"{"mode":"Warn"}"#, phase);
            assert!(put_off.would_deny() && put_off.patch.is_none(), "{}", shape.name);
        }
    }
}

#[test]
fn an_unresolved_set_may_opt_out() {
    for shape in shapes().into_iter().filter(|shape| GROWING.contains(&shape.name)) {
        let mut review = shape.of_bytes(BYTES);
        let object = review.request.object.as_deref().expect("an object");
        let mut object: serde_json::Value = serde_json::from_str(object).expect("JSON");
        object["metadata"]["annotations"] = serde_json::json!({"ordinance.dev/isolation": "disabled"});
        review.request.object = Some(object.to_string().into());
        let verdict = verdict(&review, "", Phase::Validate);
        assert!(verdict.findings.iter().all(|finding| finding.severity != Severity::Deny), "{}", shape.name);
    }
}
