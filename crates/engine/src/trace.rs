//! A review with a record of its steps: for explanations and benchmarks, never for the server.
//!
//! The calls are those of [`Policy::start_review`] and [`PendingReview::resume`](crate::PendingReview::resume), so that
//! the verdict is the server's.

use super::bindings::{all, rules};
use super::policy::{Call, Policy, checked, request_bytes};
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
    /// What it took to make the instance.
    pub instantiation: StepCost,
    /// What the policy's `review` took; `None` if it was not called.
    pub review: Option<StepCost>,
    /// What the policy's `resume` took; `None` if it was not called.
    pub resume: Option<StepCost>,
    /// The fuel and the memory of the instance.
    pub usage: Usage,
}

/// What a step of a review took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepCost {
    /// How long it took.
    pub time: Duration,
    /// The fuel that it burned; `None` unless the engine is [metered](crate::Engine::metered).
    pub fuel: Option<u64>,
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
    /// Reviews a request as the server does, but always on a fresh instance, and records the steps. `holdings` looks up what
    /// overlaps the keys.
    pub fn trace(
        &self,
        request: &Request<'_>,
        holdings: impl FnOnce(&[Key]) -> Result<Vec<Holding>, Failure>,
        deadline: Instant,
    ) -> ReviewTrace {
        let mut trace = ReviewTrace::new();
        let begin = Instant::now();
        let bytes = request_bytes(request);
        let call = self.engine.budget.until(deadline).and_then(|remaining| self.fresh_call(remaining, bytes));
        trace.instantiation.time = begin.elapsed();
        trace.outcome = call.and_then(|mut call| {
            trace.instantiation.fuel = call.instance.usage().fuel;
            let outcome = self.run(&mut trace, &mut call, request, holdings);
            trace.usage = call.instance.usage();
            trace.functions =
                call.instance.backtrace().map(|backtrace| functions(&backtrace)).unwrap_or_default();
            outcome
        });
        trace
    }

    /// Makes an instance and drops it: what every review costs at least, unless it gets one that served before.
    ///
    /// # Errors
    ///
    /// The reason why there is no instance.
    pub fn instantiate(&self, deadline: Instant) -> Result<(), Failure> {
        self.engine.budget.until(deadline).and_then(|remaining| self.fresh_call(remaining, 0)).map(drop)
    }

    fn run(
        &self,
        trace: &mut ReviewTrace,
        call: &mut Call<'_>,
        request: &Request<'_>,
        holdings: impl FnOnce(&[Key]) -> Result<Vec<Holding>, Failure>,
    ) -> Result<Verdict, Failure> {
        trace.step = ReviewStep::Review;
        let (outcome, cost) = costed(call, |call| call.review(request, &self.prepared, None));
        trace.review = Some(cost);
        let verdict = match outcome? {
            rules::Outcome::Decided(verdict) => verdict,
            rules::Outcome::Needs(keys) => {
                trace.keys = all(keys);
                trace.step = ReviewStep::Lookup;
                trace.holdings = holdings(&trace.keys)?;
                trace.step = ReviewStep::Resume;
                let (verdict, cost) = costed(call, |call| call.resume(&trace.holdings));
                trace.resume = Some(cost);
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
            instantiation: StepCost::default(),
            review: None,
            resume: None,
            usage: Usage::default(),
        }
    }

    /// Returns how long the guest's functions ran, without the lookup of holdings.
    pub fn evaluation(&self) -> Duration {
        [self.review, self.resume].into_iter().flatten().map(|cost| cost.time).sum()
    }
}

/// Calls a function of an instance, and returns what it took, too. If it does not end, the fuel is unknown: the compiled code keeps
/// the count of a loop in a register.
fn costed<T>(
    call: &mut Call<'_>,
    function: impl FnOnce(&mut Call<'_>) -> Result<T, Failure>,
) -> (Result<T, Failure>, StepCost) {
    let (before, begin) = (call.instance.usage().fuel, Instant::now());
    let answer = function(call);
    let time = begin.elapsed();
    let counted = call.instance.usage().fuel.zip(before).map(|(after, before)| after - before);
    let fuel = counted.filter(|_| !matches!(answer, Err(Failure::Time { .. })));
    (answer, StepCost { time, fuel })
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
