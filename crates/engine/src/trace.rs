//! A review with a record of its steps: for explanations and benchmarks, never for the server.
//!
//! The calls are those of [`Policy::start_review`] and [`PendingReview::resume`](crate::PendingReview::resume), so that
//! the verdict is the server's.

use super::bindings::{all, rules};
use super::policy::{Call, Policy, checked};
use crate::{Failure, Usage};
use ordinance_contract::{Holding, Key, NAME_CHARS, Request, Verdict, one_line};
use std::time::{Duration, Instant};
use wasmtime::WasmBacktrace;

/// The functions that are named of a backtrace, innermost first.
const FRAMES: usize = 20;

/// How a review came to its end.
#[derive(Clone, Debug)]
pub struct ReviewTrace {
    /// The verdict, or why there is none.
    pub outcome: Result<Verdict, Failure>,
    /// The last step, in which the review was decided or failed.
    pub step: ReviewStep,
    /// The keys that the policy asked for; empty if it asked for none.
    pub keys: Vec<Key>,
    /// The overlapping holdings that the policy got.
    pub holdings: Vec<Holding>,
    /// The guest's functions at a trap, innermost first, as far as the component has names.
    pub functions: Vec<String>,
    /// How long it took to make the instance.
    pub instantiation: Duration,
    /// How long the guest's functions ran, without the lookup of holdings.
    pub evaluation: Duration,
    /// The fuel and the memory of the instance.
    pub usage: Usage,
}

/// A step of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewStep {
    /// A fresh instance is made.
    Instantiate,
    /// The policy's `review` without holdings.
    Review,
    /// The lookup of the holdings that overlap the keys.
    Lookup,
    /// The policy's `resume` with the holdings.
    Resume,
}

// === impl Policy ===

impl Policy {
    /// Reviews a request as the server does, and records the steps. `holdings` looks up what overlaps the keys.
    pub fn trace(
        &self,
        request: &Request<'_>,
        holdings: impl FnOnce(&[Key]) -> Result<Vec<Holding>, Failure>,
        deadline: Instant,
    ) -> ReviewTrace {
        let mut trace = ReviewTrace::new();
        let begin = Instant::now();
        let call = self.engine.budget.until(deadline).and_then(|remaining| self.call(remaining));
        trace.instantiation = begin.elapsed();
        trace.outcome = call.and_then(|mut call| {
            let outcome = self.run(&mut trace, &mut call, request, holdings);
            trace.usage = call.0.usage();
            trace.functions = call.0.backtrace().map(|backtrace| functions(&backtrace)).unwrap_or_default();
            outcome
        });
        trace
    }

    fn run(
        &self,
        trace: &mut ReviewTrace,
        call: &mut Call,
        request: &Request<'_>,
        holdings: impl FnOnce(&[Key]) -> Result<Vec<Holding>, Failure>,
    ) -> Result<Verdict, Failure> {
        trace.step = ReviewStep::Review;
        let begin = Instant::now();
        let outcome = call.review(request, &self.prepared, None);
        trace.evaluation += begin.elapsed();
        let verdict = match outcome? {
            rules::Outcome::Decided(verdict) => verdict,
            rules::Outcome::Needs(keys) => {
                trace.keys = all(keys);
                trace.step = ReviewStep::Lookup;
                trace.holdings = holdings(&trace.keys)?;
                trace.step = ReviewStep::Resume;
                let begin = Instant::now();
                let verdict = call.resume(&trace.holdings);
                trace.evaluation += begin.elapsed();
                verdict?
            }
        };
        checked(verdict, request.phase, &self.description.rules)
    }
}

// === impl ReviewTrace ===

impl ReviewTrace {
    fn new() -> Self {
        Self {
            outcome: Err(Failure::Busy),
            step: ReviewStep::Instantiate,
            keys: Vec::new(),
            holdings: Vec::new(),
            functions: Vec::new(),
            instantiation: Duration::ZERO,
            evaluation: Duration::ZERO,
            usage: Usage::default(),
        }
    }
}

/// Returns the names of a backtrace's functions; without a name, the number of the function in its module.
fn functions(backtrace: &WasmBacktrace) -> Vec<String> {
    let frames = backtrace.frames().iter().take(FRAMES);
    frames
        .map(|frame| match frame.func_name() {
            Some(name) => one_line(&format!("{:#}", rustc_demangle::demangle(name)), NAME_CHARS).into_owned(),
            None => format!("function {}", frame.func_index()),
        })
        .collect()
}
