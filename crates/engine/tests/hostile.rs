//! Hostile guests: each review fails with its own failure, and nothing else is affected.

mod guest;

use guest::{limits, request};
use ordinance_contract::{Phase, Request, Verdict};
use ordinance_engine::{Engine, EngineLimits, Failure, Policy, StartedReview};
use ordinance_testkit::guest::component;
use std::time::{Duration, Instant};

/// Returns instructions that store a number in memory.
fn store(address: u32, number: u32) -> String {
    format!("(i32.store (i32.const {address}) (i32.const {number}))")
}

/// Instructions that return this part of memory as the patch.
fn patch(address: u32, bytes: u32) -> String {
    store(268, 1) + &store(272, address) + &store(276, bytes)
}

/// Instructions that return findings.
fn findings(address: u32, count: u32) -> String {
    store(260, address) + &store(264, count)
}

fn engine() -> Engine {
    Engine::new(limits(2)).expect("an engine")
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn reviewed(policy: &Policy) -> Result<Verdict, Failure> {
    policy.review(&request(), &[], in_a_minute())
}

/// Returns the result of a review by a guest with this `review`.
fn outcome(review: &str, more: &str) -> Result<Verdict, Failure> {
    reviewed(&guest::policy(&engine(), review, more))
}

#[test]
fn returns_the_verdict_of_a_valid_guest() {
    assert_eq!(outcome("", ""), Ok(Verdict::allow()));
}

#[test]
fn ends_an_endless_loop_at_the_time_limit() {
    let engine =
        Engine::new(EngineLimits { time: Duration::from_millis(40), ..limits(2) }).expect("an engine");
    let policy = guest::policy(&engine, "(loop (br 0))", "");
    assert_eq!(reviewed(&policy), Err(Failure::Time { limit_ms: 40 }));
}

#[test]
fn ends_an_endless_loop_at_the_deadline() {
    let policy = guest::policy(&engine(), "(loop (br 0))", "");
    let start = Instant::now();
    let outcome = policy.review(&request(), &[], start + Duration::from_millis(50));
    assert!(matches!(outcome, Err(Failure::Time { limit_ms: ..=50 })), "{outcome:?}");
    assert!(start.elapsed() < limits(1).time, "{:?}", start.elapsed());
}

#[test]
fn does_not_call_the_guest_after_the_deadline() {
    let policy = guest::policy(&engine(), "", "");
    let outcome = policy.review(&request(), &[], Instant::now());
    assert_eq!(outcome, Err(Failure::Time { limit_ms: 0 }));
}

#[test]
fn ends_a_guest_that_exceeds_its_memory() {
    let limit = limits(1).pool.memory;
    let grow = "(loop (drop (memory.grow (i32.const 16))) (br 0))";
    assert_eq!(outcome(grow, ""), Err(Failure::Memory { limit }));
}

#[test]
fn ends_a_guest_that_exceeds_its_table() {
    let limit = limits(1).pool.table;
    let grow = "(loop (drop (table.grow $t (ref.null func) (i32.const 100))) (br 0))";
    assert_eq!(outcome(grow, "(table $t 1 funcref)"), Err(Failure::Table { limit }));
}

#[test]
fn refuses_to_load_a_guest_with_a_table_over_the_limit() {
    let more = "(table 10001 funcref)";
    let error = guest::load(&engine(), &component("", more)).err().expect("no policy").to_string();
    assert!(error.contains("table"), "{error}");
}

#[test]
fn ends_endless_recursion_at_the_stack_limit() {
    let limit = limits(1).pool.stack;
    assert_eq!(outcome("(call $deeper)", "(func $deeper (call $deeper))"), Err(Failure::Stack { limit }));
}

#[test]
fn reports_a_trap_with_its_message() {
    let message = "wasm trap: wasm `unreachable` instruction executed".to_owned();
    assert_eq!(outcome("unreachable", ""), Err(Failure::Trap(message)));
}

#[test]
fn refuses_an_answer_over_the_limit() {
    let limit = limits(1).output;
    let patch = patch(0, 2 << 20);
    assert_eq!(outcome(&patch, ""), Err(Failure::Output { limit }));
}

#[test]
fn counts_a_text_each_time_that_an_answer_refers_to_it() {
    let limit = limits(1).output;
    // A list of 100 000 steps of a migration, each an empty text at address 0.
    let migration = store(280, 131_072) + &store(284, 100_000);
    assert_eq!(outcome(&migration, ""), Err(Failure::Output { limit }));
}

/// Returns the reason for which a review with this patch has no verdict; `None` if it has one.
fn refused_patch(text: &str) -> Option<String> {
    match outcome(&patch(2048, text.len() as u32), &format!("(data (i32.const 2048) {text:?})")) {
        Ok(verdict) => {
            assert_eq!(verdict.patch.as_deref(), Some(text));
            None
        }
        Err(Failure::InvalidResponse(reason)) => Some(reason),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn passes_on_a_patch_with_known_operations() {
    let all = r#"[{"op":"add","path":"/a","value":null},{"op":"move","path":"/b","from":"/a"}]"#;
    assert_eq!(refused_patch(all), None);
}

#[test]
fn refuses_what_is_no_json_patch_and_names_the_fault() {
    let kind = "a patch that is not a JSON Patch (RFC 6902): ";
    for (patch, fault) in [
        (r#"{"op":1}"#, "it is not a list of operations: "),
        (
            r#"[{"op":"remove","path":"/a"},{"op":"merge","path":"/a"}]"#,
            "its operation 1 has another \"op\" than ",
        ),
        (r#"[{"op":"add","path":"/a"}]"#, "its operation 0 has no \"value\""),
        (r#"[{"op":"remove","path":"a"}]"#, "its operation 0 has a \"path\" that is not a JSON Pointer"),
    ] {
        let reason = refused_patch(patch).expect("it is refused");
        assert!(reason.starts_with(&format!("{kind}{fault}")), "{reason}");
    }
}

#[test]
fn refuses_a_fix_that_is_no_json_patch() {
    let fix = |patch: &str| {
        // The finding's list of one fix, whose title is empty.
        let review = store(812, 1024)
            + &store(816, 1)
            + &store(1032, 2048)
            + &store(1036, patch.len() as u32)
            + &findings(768, 1);
        outcome(&review, &format!("(data (i32.const 2048) {patch:?})"))
    };
    assert!(
        fix(r#"[{"op":"remove","path":"/a"}]"#).is_ok_and(|verdict| verdict.findings[0].fixes.len() == 1)
    );
    let reason =
        "a fix of the rule \"a-rule\" that is not a JSON Patch (RFC 6902): its operation 0 has no \"from\"";
    assert_eq!(fix(r#"[{"op":"move","path":"/a"}]"#), Err(Failure::InvalidResponse(reason.to_owned())));
}

#[test]
fn drops_an_empty_patch() {
    let patch = patch(1024, 2);
    assert_eq!(outcome(&patch, r#"(data (i32.const 1024) "[]")"#), Ok(Verdict::allow()));
}

#[test]
fn refuses_a_patch_in_answer_to_a_validating_review() {
    let patch = patch(1024, 2);
    let policy = guest::policy(&engine(), &patch, r#"(data (i32.const 1024) "[]")"#);
    let validate = Request { phase: Phase::Validate, ..request() };
    let outcome = policy.review(&validate, &[], in_a_minute());
    assert!(matches!(outcome, Err(Failure::InvalidResponse(_))), "{outcome:?}");
}

#[test]
fn denies_by_a_finding_of_severity_deny() {
    let verdict = outcome(&findings(768, 1), "").expect("a verdict");
    assert!(!verdict.is_allowed());
    assert_eq!(verdict.findings[0].rule, "a-rule");
}

#[test]
fn refuses_a_finding_of_an_undescribed_rule() {
    let unknown = store(772, 5) + &findings(768, 1);
    let reason = "a finding of the rule \"a-rul\", which it does not describe".to_owned();
    assert_eq!(outcome(&unknown, ""), Err(Failure::InvalidResponse(reason)));
}

#[test]
fn refuses_a_denial_that_would_be_denied() {
    // The flag is the byte after the severity.
    let denial = store(776, 0x0100) + &findings(768, 1);
    let reason = "a finding of the rule \"a-rule\" with would-deny that is not a warning".to_owned();
    assert_eq!(outcome(&denial, ""), Err(Failure::InvalidResponse(reason)));
    let warning = store(776, 0x0101) + &findings(768, 1);
    assert_eq!(
        outcome(&warning, "").map(|verdict| (verdict.is_allowed(), verdict.would_deny())),
        Ok((true, true))
    );
}

#[test]
fn refuses_ten_thousand_findings_as_too_large_an_answer() {
    let fill = "(local $at i32) (local.set $at (i32.const 1048576))
        (loop
            (memory.copy (local.get $at) (i32.const 768) (i32.const 52))
            (local.set $at (i32.add (local.get $at) (i32.const 52)))
            (br_if 0 (i32.lt_u (local.get $at) (i32.const 1568576))))";
    let limit = limits(1).output;
    let review = fill.to_owned() + &findings(1_048_576, 10_000);
    assert_eq!(outcome(&review, ""), Err(Failure::Output { limit }));
    let few = fill.to_owned() + &findings(1_048_576, 1_000);
    assert_eq!(outcome(&few, "").map(|verdict| verdict.findings.len()), Ok(1_000));
}

#[test]
fn refuses_a_text_that_is_not_utf8() {
    let outcome = outcome(&patch(1024, 1), r#"(data (i32.const 1024) "\ff")"#);
    assert!(matches!(outcome, Err(Failure::InvalidResponse(_))), "{outcome:?}");
}

#[test]
fn refuses_a_text_outside_of_the_memory() {
    assert!(matches!(outcome(&patch(64 << 20, 1), ""), Err(Failure::InvalidResponse(_))));
}

/// A text that would act on a terminal, a log or a page, with its length.
const ACTING: (&str, u32) = (r"\1b[31m\0a::error::\e2\80\ae\e2\80\a8x", 22);

/// The text as it leaves the engine.
const PLAIN: &str = "[31m ::error::  x";

/// Returns `more` of a guest: [`ACTING`] at 2048, and its place in each of these fields.
fn acting_at(fields: &[u32]) -> String {
    let (text, bytes) = ACTING;
    let place = |field| format!(r#"(data (i32.const {field}) "\00\08\00\00\{bytes:02x}\00\00\00")"#);
    let places: String = fields.iter().map(place).collect();
    format!(r#"(data (i32.const 2048) "{text}"){places}"#)
}

#[test]
fn makes_the_texts_of_a_finding_plain() {
    let verdict = outcome(&findings(768, 1), &acting_at(&[780, 788, 796])).expect("a verdict");
    let finding = &verdict.findings[0];
    assert_eq!([&*finding.field, &finding.fact, &finding.remedy], [PLAIN; 3]);
}

#[test]
fn makes_the_texts_of_a_description_plain() {
    let policy = guest::policy(&engine(), "", &acting_at(&[72, 520, 532, 548]));
    let description = policy.description();
    let rule = &description.rules[0];
    assert_eq!([&*description.version, &rule.title, &rule.setting], [PLAIN; 3]);
    assert_eq!(rule.explanation, " [31m\n::error::  x");
}

#[test]
fn cuts_the_texts_of_a_description() {
    // Half a mebibyte of spaces and letters as the version.
    let long = format!(
        r#"(data (i32.const 65536) "{}")(data (i32.const 72) "\00\00\01\00\00\00\08\00")"#,
        "v 1.".repeat(1 << 17)
    );
    let policy = guest::policy(&engine(), "", &long);
    assert_eq!(policy.description().version.chars().count(), 240);
}

#[test]
fn refuses_a_policy_whose_kinds_or_rules_have_acting_names() {
    for (field, what) in [(64, "the name"), (512, "a rule"), (864, "a review"), (880, "a review")] {
        let error = guest::load(&engine(), &component("", &acting_at(&[field])))
            .err()
            .expect("no policy")
            .to_string();
        assert!(error.contains(&format!("describes itself with {what}")), "{error}");
        assert!(!error.contains(|c: char| c.is_control()), "{error}");
    }
}

#[test]
fn refuses_an_answer_of_an_unknown_kind() {
    assert!(matches!(outcome(&store(256, 7), ""), Err(Failure::InvalidResponse(_))));
}

#[test]
fn refuses_a_request_for_holdings_that_the_guest_received() {
    let needs_nothing = store(256, 1) + &store(260, 0);
    assert!(matches!(outcome(&needs_nothing, ""), Err(Failure::InvalidResponse(_))));
}

#[test]
fn keeps_no_state_from_one_review_to_the_next() {
    // The guest counts its calls in a global and in memory, and denies with both counts as its fact.
    let count = "
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (i32.store8 (i32.const 2048) (i32.add (i32.load8_u (i32.const 2048)) (i32.const 1)))
        (i32.store8 (i32.const 1024) (i32.add (global.get $calls) (i32.const 48)))
        (i32.store8 (i32.const 1025) (i32.add (i32.load8_u (i32.const 2048)) (i32.const 48)))";
    let denial = store(788, 1024) + &store(792, 2) + &findings(768, 1);
    let policy =
        guest::policy(&engine(), &(count.to_owned() + &denial), "(global $calls (mut i32) (i32.const 0))");
    for _ in 0..5 {
        let facts = reviewed(&policy).map(|verdict| verdict.findings.into_iter().map(|f| f.fact).collect());
        assert_eq!(facts, Ok(vec!["11".to_owned()]));
    }
}

#[test]
fn is_busy_while_every_instance_waits_for_holdings() {
    let engine = Engine::new(limits(1)).expect("an engine");
    let policy = guest::policy(&engine, &(store(256, 1) + &store(260, 0)), "");
    let request = request();
    let start = || policy.start_review(&request, in_a_minute());
    let Ok(StartedReview::NeedsHoldings(keys, pending)) = start() else { panic!("the guest asks") };
    assert_eq!(keys, []);
    assert!(matches!(start(), Err(Failure::Busy)));
    drop(pending);
    assert!(matches!(start(), Ok(StartedReview::NeedsHoldings(..))));
}

#[test]
fn releases_the_instance_after_a_failure() {
    let engine = engine();
    let trap = guest::policy(&engine, "unreachable", "");
    let grow = guest::policy(&engine, "(loop (drop (memory.grow (i32.const 16))) (br 0))", "");
    let valid = guest::policy(&engine, "", "");
    for _ in 0..20 {
        assert!(matches!(reviewed(&trap), Err(Failure::Trap(_))));
        assert!(matches!(reviewed(&grow), Err(Failure::Memory { .. })));
        assert_eq!(reviewed(&valid), Ok(Verdict::allow()));
    }
}
