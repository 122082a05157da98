//! When an instance serves another review, and when it is dropped.

use super::{REUSED_MEMORY, REVIEWS_OF_AN_INSTANCE, ReusedGuest};
use crate::{Engine, EngineLimits, Policy, PoolLimits, StartedReview, UNCHECKED_BYTES, WasiImports};
use ordinance_contract::{Phase, Request, Verdict};
use ordinance_testkit::corpus::samples;
use ordinance_testkit::guest::component;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// Bytes of a page of linear memory.
const PAGE: usize = 64 * 1024;

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn policy(limits: EngineLimits) -> Policy {
    let engine = Engine::new(limits).expect("an engine");
    Policy::built_in(&engine, "").expect("the built-in policy")
}

/// Returns a policy that uses instances again, and whose `review` runs these instructions before it allows.
fn other(review: &str) -> Policy {
    let engine = Engine::new(EngineLimits::default()).expect("an engine");
    let policy = Policy::of_component(&engine, &component(review, ""), "", WasiImports::Refused);
    let policy = policy.expect("a policy");
    let reused = ReusedGuest::new(policy.guest.clone(), Arc::default());
    Policy { unchecked: Some(reused), ..policy }
}

fn limits(instances: u32) -> EngineLimits {
    let limits = EngineLimits::default();
    EngineLimits { pool: PoolLimits { instances, ..limits.pool }, ..limits }
}

/// The creation of a StatefulSet that gets a patch.
static CREATION: LazyLock<Request<'static>> = LazyLock::new(|| {
    let samples = samples().expect("cases and reviews can be read").into_iter();
    let mut named = samples.filter(|sample| sample.name.contains("019-mutate-create-statefulsets-shop"));
    named.next().expect("the recorded review").request
});

fn creation() -> Request<'static> {
    CREATION.clone()
}

fn reused(policy: &Policy) -> &ReusedGuest {
    policy.unchecked.as_ref().expect("the built-in policy uses instances again")
}

/// Returns the number of reviews of each idle instance.
fn idle(policy: &Policy) -> Vec<u32> {
    reused(policy).idle.lock().iter().map(super::GuestInstance::reviews).collect()
}

#[test]
fn an_instance_serves_a_thousand_reviews() {
    let policy = policy(EngineLimits::default());
    assert!(idle(&policy).is_empty());
    for reviews in 1..REVIEWS_OF_AN_INSTANCE {
        policy.review(&creation(), &[], in_a_minute()).expect("a verdict");
        assert_eq!(idle(&policy), [reviews]);
    }
    policy.review(&creation(), &[], in_a_minute()).expect("a verdict");
    assert!(idle(&policy).is_empty());
}

#[test]
fn a_pending_review_keeps_its_instance_and_gives_it_back_with_its_verdict() {
    let policy = policy(EngineLimits::default());
    let request = creation();
    let start = || match policy.start_review(&request, in_a_minute()) {
        Ok(StartedReview::NeedsHoldings(_, pending)) => pending,
        _ => panic!("the verdict depends on other objects"),
    };
    let (first, second) = (start(), start());
    assert!(idle(&policy).is_empty());
    second.resume(&[]).expect("a verdict");
    assert_eq!(idle(&policy), [1]);
    // What it keeps would be in use for ever.
    drop(first);
    assert_eq!(idle(&policy), [1]);
}

#[test]
fn policies_with_other_settings_share_the_idle_instances() {
    let policy = policy(EngineLimits::default());
    let warning = policy.with_settings(r#"{"mode":"Warn"}"#).expect("valid settings");
    let request = Request { phase: Phase::Validate, ..creation() };
    let fresh = |policy: &Policy| policy.trace(&request, |_| Ok(Vec::new()), in_a_minute()).outcome;
    let [denied, warned] = [&policy, &warning].map(fresh);
    assert_ne!(denied, warned);
    for _ in 0..2 {
        assert_eq!(policy.review(&request, &[], in_a_minute()), denied);
        assert_eq!(warning.review(&request, &[], in_a_minute()), warned);
    }
    assert_eq!(idle(&warning), [4]);
}

#[test]
fn an_instance_whose_review_failed_is_dropped() {
    // A trap, and an invalid verdict: findings without a rule.
    for review in ["(unreachable)", "(i32.store (i32.const 264) (i32.const 1))"] {
        let failing = other(review);
        assert!(failing.review(&creation(), &[], in_a_minute()).is_err());
        assert!(failing.start_review(&creation(), in_a_minute()).is_err());
        assert!(idle(&failing).is_empty());
    }
    let passing = other("");
    passing.review(&creation(), &[], in_a_minute()).expect("a verdict");
    assert_eq!(idle(&passing), [1]);
}

#[test]
fn a_large_review_and_a_trace_get_fresh_instances() {
    let policy = policy(EngineLimits::default());
    let padding = format!(r#"{{"metadata":{{"name":"{}"}}}}"#, "n".repeat(UNCHECKED_BYTES));
    let large = Request { object: Some(padding.into()), ..creation() };
    policy.review(&large, &[], in_a_minute()).expect("a verdict");
    policy.trace(&creation(), |_| Ok(Vec::new()), in_a_minute()).outcome.expect("a verdict");
    policy.instantiate(in_a_minute()).expect("an instance");
    assert!(idle(&policy).is_empty());
}

#[test]
fn policies_of_others_metered_engines_and_time_checks_use_no_instance_again() {
    let engine = Engine::new(EngineLimits::default()).expect("an engine");
    let other = Policy::of_component(&engine, &component("", ""), "", WasiImports::Refused);
    assert!(other.expect("a policy").unchecked.is_none());
    let metered = Engine::metered(EngineLimits::default()).expect("an engine");
    assert!(Policy::built_in(&metered, "").expect("the built-in policy").unchecked.is_none());
    assert!(policy(EngineLimits::default()).with_time_checks().unchecked.is_none());
}

#[test]
fn there_are_no_more_idle_instances_than_processors_and_they_take_no_place_of_others() {
    let policy = policy(limits(1));
    let (reused, remaining) = (reused(&policy), policy.engine.budget.without_deadline());
    let processors = std::thread::available_parallelism().expect("the number of processors").get();
    let used: Vec<_> = (0..=processors).map(|_| reused.instance(remaining).expect("an instance")).collect();
    assert!(reused.instance(remaining).is_err(), "the pool has one more than processors");
    used.into_iter().for_each(|instance| reused.give_back(instance));
    assert_eq!(idle(&policy).len(), processors);
    Policy::built_in(&policy.engine, "").expect("a fresh instance");
    policy.instantiate(in_a_minute()).expect("a fresh instance");
}

#[test]
fn an_instance_with_a_large_memory_is_dropped() {
    let idle_after = |pages: usize| {
        let policy = other(&format!("(drop (memory.grow (i32.sub (i32.const {pages}) (memory.size))))"));
        let review = policy.metered_review(&creation(), &[], in_a_minute());
        assert_eq!((review.usage.memory, review.answer), (pages * PAGE, Ok(Verdict::allow())));
        idle(&policy).len()
    };
    assert_eq!(idle_after(REUSED_MEMORY / PAGE), 1);
    assert_eq!(idle_after(REUSED_MEMORY / PAGE + 1), 0);
}
