//! The resources that one evaluation may use, and the [`Failure`] for exceeding each of them.
//!
//! A failure is classified by the type of wasmtime's error, never by its text.

use super::ticker::TICK;
use crate::metered::FUEL;
use crate::{EngineLimits, Failure, Metering};
use std::str::Utf8Error;
use std::time::{Duration, Instant};
use wasmtime::{PoolConcurrencyLimitError, ResourceLimiter, Store, Trap};

/// The limits of every evaluation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    memory: usize,
    table: usize,
    stack: usize,
    output: usize,
    time: Duration,
    metering: Metering,
}

/// The limits of one evaluation in progress, from its start to its deadline.
#[derive(Clone, Copy, Debug)]
pub(super) struct RemainingBudget {
    budget: Budget,
    /// The budget's time, or the time until the deadline if that is shorter.
    time: Duration,
    /// The largest size of the memory so far, in bytes.
    peak_memory: usize,
}

// === impl Budget ===

impl Budget {
    pub(super) const fn new(limits: EngineLimits, metering: Metering) -> Self {
        let EngineLimits { pool, output, time } = limits;
        Self { memory: pool.memory, table: pool.table, stack: pool.stack, output, time, metering }
    }

    /// Starts an evaluation that must end before the deadline.
    pub(super) fn until(self, deadline: Instant) -> Result<RemainingBudget, Failure> {
        let time = self.time.min(deadline.saturating_duration_since(Instant::now()));
        let remaining = RemainingBudget { budget: self, time, peak_memory: 0 };
        if time.is_zero() { Err(remaining.out_of_time()) } else { Ok(remaining) }
    }

    /// Starts an evaluation without a deadline of its own.
    pub(super) fn without_deadline(self) -> RemainingBudget {
        RemainingBudget { budget: self, time: self.time, peak_memory: 0 }
    }
}

// === impl RemainingBudget ===

impl RemainingBudget {
    /// Returns a store that enforces the limits from now on.
    pub(super) fn store(self, engine: &wasmtime::Engine) -> Store<Self> {
        let mut store = Store::new(engine, self);
        store.limiter(|remaining| remaining);
        self.start(&mut store);
        store
    }

    /// Starts over in a store of an earlier evaluation, whose memory stays as large as it is.
    pub(super) fn restart(self, store: &mut Store<Self>) {
        let peak_memory = store.data().peak_memory;
        *store.data_mut() = Self { peak_memory, ..self };
        self.start(store);
    }

    fn start(self, store: &mut Store<Self>) {
        store.set_hostcall_fuel(self.budget.output);
        store.set_epoch_deadline(ticks(self.time));
        if self.counts_fuel() {
            // This fails only if the engine counts no fuel, and then none is reported.
            let _ = store.set_fuel(FUEL);
        }
    }

    /// Returns whether the engine counts fuel.
    pub(super) fn counts_fuel(&self) -> bool {
        self.budget.metering == Metering::On
    }

    /// Returns the largest size of the memory so far, in bytes.
    pub(super) const fn peak_memory(&self) -> usize {
        self.peak_memory
    }

    /// Classifies an error of wasmtime.
    pub(super) fn failure(self, error: &wasmtime::Error) -> Failure {
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return failure.clone();
        }
        if let Some(trap) = error.downcast_ref::<Trap>() {
            return self.trap(*trap);
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Failure::Busy;
        }
        if error.is::<&'static str>() || error.is::<String>() || error.is::<Utf8Error>() {
            return Failure::InvalidResponse(error.root_cause().to_string());
        }
        // The only error without a public type: the answer exceeds the fuel for copying from the guest to the host.
        Failure::Output { limit: self.budget.output }
    }

    fn trap(self, trap: Trap) -> Failure {
        match trap {
            Trap::Interrupt => self.out_of_time(),
            Trap::StackOverflow => Failure::Stack { limit: self.budget.stack },
            other => Failure::Trap(other.to_string()),
        }
    }

    fn out_of_time(self) -> Failure {
        Failure::Time { limit_ms: u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX) }
    }
}

/// Ends a guest that exceeds a limit at once. If the growth merely failed, the guest would abort without a reason.
impl ResourceLimiter for RemainingBudget {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let limit = self.budget.memory;
        self.peak_memory = self.peak_memory.max(desired);
        if desired > limit { Err(Failure::Memory { limit }.into()) } else { Ok(true) }
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let limit = self.budget.table;
        if desired > limit { Err(Failure::Table { limit }.into()) } else { Ok(true) }
    }
}

/// Returns the ticks that cover a duration, plus one because the first tick may follow at once.
fn ticks(time: Duration) -> u64 {
    let whole = time.as_micros().div_ceil(TICK.as_micros());
    u64::try_from(whole).unwrap_or(u64::MAX - 1).saturating_add(1)
}
