//! Guests that want to do harm: each review of theirs fails for its own reason, and nothing else suffers.

mod guest;

use guest::limits;
use ordinance_contract::{Operation, Phase, Request, Scope, Verdict};
use ordinance_engine::{Engine, EngineLimits, Failure, Opened, Policy};
use std::time::{Duration, Instant};

/// Instructions that put a number into memory.
fn store(address: u32, number: u32) -> String {
    format!("(i32.store (i32.const {address}) (i32.const {number}))")
}

fn engine() -> Engine {
    Engine::new(limits(2)).expect("an engine")
}

fn request() -> Request<'static> {
    Request {
        operation: Operation::Create,
        phase: Phase::Mutate,
        scope: Scope { resource: "things".into(), name: "one".into(), ..Scope::default() },
        kind: "Thing".into(),
        dry_run: false,
        user_info: "".into(),
        object: Some("{}".into()),
        old_object: None,
    }
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn reviewed(policy: &Policy) -> Result<Verdict, Failure> {
    policy.review(&request(), &[], in_a_minute())
}

/// What a review by such a guest comes to.
fn outcome(review: &str, more: &str) -> Result<Verdict, Failure> {
    reviewed(&guest::policy(&engine(), review, more))
}

#[test]
fn a_guest_that_behaves_is_heard() {
    assert_eq!(outcome("", ""), Ok(Verdict::allow()));
}

#[test]
fn an_endless_loop_is_ended_at_the_limit() {
    let engine =
        Engine::new(EngineLimits { time: Duration::from_millis(40), ..limits(2) }).expect("an engine");
    let policy = guest::policy(&engine, "(loop (br 0))", "");
    assert_eq!(reviewed(&policy), Err(Failure::Time { limit_ms: 40 }));
}

#[test]
fn an_endless_loop_is_ended_at_the_deadline() {
    let policy = guest::policy(&engine(), "(loop (br 0))", "");
    let start = Instant::now();
    let outcome = policy.review(&request(), &[], start + Duration::from_millis(50));
    assert!(matches!(outcome, Err(Failure::Time { limit_ms: ..=50 })), "{outcome:?}");
    assert!(start.elapsed() < limits(1).time, "{:?}", start.elapsed());
}

#[test]
fn a_deadline_that_is_over_asks_nobody() {
    let policy = guest::policy(&engine(), "", "");
    let outcome = policy.review(&request(), &[], Instant::now());
    assert_eq!(outcome, Err(Failure::Time { limit_ms: 0 }));
}

#[test]
fn a_guest_gets_no_more_memory_than_the_limit() {
    let limit = limits(1).room.memory;
    let grow = "(loop (drop (memory.grow (i32.const 16))) (br 0))";
    assert_eq!(outcome(grow, ""), Err(Failure::Memory { limit }));
}

#[test]
fn a_table_does_not_grow_beyond_the_limit() {
    let limit = limits(1).room.table;
    let grow = "(loop (drop (table.grow $t (ref.null func) (i32.const 100))) (br 0))";
    assert_eq!(outcome(grow, "(table $t 1 funcref)"), Err(Failure::Table { limit }));
}

#[test]
fn a_guest_has_no_larger_table_than_the_limit() {
    let more = "(table 10001 funcref)";
    let error = guest::load(&engine(), &guest::component("", more)).err().expect("no policy").to_string();
    assert!(error.contains("table"), "{error}");
}

#[test]
fn endless_recursion_ends_at_the_stack() {
    let limit = limits(1).room.stack;
    assert_eq!(outcome("(call $deeper)", "(func $deeper (call $deeper))"), Err(Failure::Stack { limit }));
}

#[test]
fn a_trap_is_told_as_one() {
    let told = "wasm trap: wasm `unreachable` instruction executed".to_owned();
    assert_eq!(outcome("unreachable", ""), Err(Failure::Trap(told)));
}

#[test]
fn an_answer_larger_than_the_limit_is_refused() {
    let limit = limits(1).output;
    let message = store(264, 0) + &store(268, 2 << 20);
    assert_eq!(outcome(&message, ""), Err(Failure::Output { limit }));
}

#[test]
fn an_answer_that_names_one_text_many_times_is_as_large_as_all_of_them() {
    let limit = limits(1).output;
    // A list of 100 000 warnings, all of them empty texts at address 0.
    let warnings = store(280, 131_072) + &store(284, 100_000);
    assert_eq!(outcome(&warnings, ""), Err(Failure::Output { limit }));
}

#[test]
fn a_patch_that_is_no_array_is_nonsense() {
    let patch = store(288, 1) + &store(292, 1024) + &store(296, 8);
    let outcome = outcome(&patch, r#"(data (i32.const 1024) "{\"op\":1}")"#);
    assert_eq!(outcome, Err(Failure::Nonsense("a patch that is not a JSON array".to_owned())));
}

#[test]
fn a_patch_that_changes_nothing_is_none() {
    let patch = store(288, 1) + &store(292, 1024) + &store(296, 2);
    assert_eq!(outcome(&patch, r#"(data (i32.const 1024) "[]")"#), Ok(Verdict::allow()));
}

#[test]
fn a_patch_in_a_validating_review_is_nonsense() {
    let patch = store(288, 1) + &store(292, 1024) + &store(296, 2);
    let policy = guest::policy(&engine(), &patch, r#"(data (i32.const 1024) "[]")"#);
    let validate = Request { phase: Phase::Validate, ..request() };
    let outcome = policy.review(&validate, &[], in_a_minute());
    assert!(matches!(outcome, Err(Failure::Nonsense(_))), "{outcome:?}");
}

#[test]
fn a_text_that_is_not_utf8_is_nonsense() {
    let message = store(264, 1024) + &store(268, 1);
    let outcome = outcome(&message, r#"(data (i32.const 1024) "\ff")"#);
    assert!(matches!(outcome, Err(Failure::Nonsense(_))), "{outcome:?}");
}

#[test]
fn a_text_outside_of_memory_is_nonsense() {
    let message = store(264, 64 << 20) + &store(268, 1);
    assert!(matches!(outcome(&message, ""), Err(Failure::Nonsense(_))));
}

#[test]
fn an_answer_of_no_known_kind_is_nonsense() {
    assert!(matches!(outcome(&store(256, 7), ""), Err(Failure::Nonsense(_))));
}

#[test]
fn to_ask_for_holdings_that_were_given_is_nonsense() {
    let needs_nothing = store(256, 1) + &store(260, 0);
    assert!(matches!(outcome(&needs_nothing, ""), Err(Failure::Nonsense(_))));
}

#[test]
fn a_guest_that_counts_its_calls_always_says_1() {
    // It refuses with the number of its calls as message, kept where a global and the memory would survive.
    let count = "
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (i32.store8 (i32.const 2048) (i32.add (i32.load8_u (i32.const 2048)) (i32.const 1)))
        (i32.store8 (i32.const 1024) (i32.add (global.get $calls) (i32.const 48)))
        (i32.store8 (i32.const 1025) (i32.add (i32.load8_u (i32.const 2048)) (i32.const 48)))";
    let refusal = store(260, 0) + &store(264, 1024) + &store(268, 2);
    let policy =
        guest::policy(&engine(), &(count.to_owned() + &refusal), "(global $calls (mut i32) (i32.const 0))");
    for _ in 0..5 {
        assert_eq!(reviewed(&policy).map(|verdict| verdict.message), Ok("11".to_owned()));
    }
}

#[test]
fn an_instance_that_is_kept_from_ending_leaves_others_to_be_told_to_come_again() {
    let engine = Engine::new(limits(1)).expect("an engine");
    let policy = guest::policy(&engine, &(store(256, 1) + &store(260, 0)), "");
    let open = || policy.open(&request(), in_a_minute());
    let Ok(Opened::Asks(keys, inquiry)) = open() else { panic!("the guest asks") };
    assert_eq!(keys, []);
    assert!(matches!(open(), Err(Failure::Busy)));
    drop(inquiry);
    assert!(matches!(open(), Ok(Opened::Asks(..))));
}

#[test]
fn failures_give_their_instances_back() {
    let engine = engine();
    let trap = guest::policy(&engine, "unreachable", "");
    let grow = guest::policy(&engine, "(loop (drop (memory.grow (i32.const 16))) (br 0))", "");
    let behaves = guest::policy(&engine, "", "");
    for _ in 0..20 {
        assert!(matches!(reviewed(&trap), Err(Failure::Trap(_))));
        assert!(matches!(reviewed(&grow), Err(Failure::Memory { .. })));
        assert_eq!(reviewed(&behaves), Ok(Verdict::allow()));
    }
}
