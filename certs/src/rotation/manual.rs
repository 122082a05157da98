//! A step that an operator requests before it is due.

use super::phase::RotationStep;
use super::state_machine::{ObservedState, Rotation, trusted_by_all};
use crate::authority::AuthorityError;
use crate::record::{NextAuthority, Record, RetiredBundle};
use std::time::SystemTime;

/// Whether a requested step has to be safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepPolicy {
    /// Takes the step only if no request can fail because of it.
    WhenSafe,
    /// Takes the step at once; requests may fail meanwhile.
    Force,
}

/// The decision on a requested step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepDecision {
    /// The step was taken. The caller stores this record.
    Take(RotationStep, Box<Record>),
    /// Refused: not every client trusts `next`.
    Untrusted,
    /// Refused until this time: clients may use a bundle without `next`.
    WaitsForClients(SystemTime),
    /// Refused until this time: leaf certificates of `previous` may be in use.
    WaitsForLeaves(SystemTime),
}

// === impl Rotation ===

impl Rotation {
    /// Decides on the next step of a record, whether it is due or not.
    ///
    /// Waits twice the clock skew longer than [`Rotation::step`], because another clock may have confirmed `next`.
    ///
    /// # Errors
    ///
    /// If no CA can be made.
    pub fn manual_step(
        &self,
        stored: &Record,
        observed: &ObservedState<'_>,
        policy: StepPolicy,
    ) -> Result<StepDecision, AuthorityError> {
        let now = observed.now;
        if stored.current.validity().is_some_and(|current| current.not_after <= now) {
            return Ok(take(RotationStep::Replace, self.replaced(stored, now)?));
        }
        match (&stored.next, &stored.previous) {
            (Some(next), _) => self.toward_switch(stored, next, observed, policy),
            (None, Some(previous)) => Ok(self.shrink(stored, previous, now, policy)),
            (None, None) => Ok(take(RotationStep::Publish, self.with_next(stored, now)?)),
        }
    }

    /// Decides on the step that a record with a next CA needs.
    fn toward_switch(
        &self,
        stored: &Record,
        next: &NextAuthority,
        observed: &ObservedState<'_>,
        policy: StepPolicy,
    ) -> Result<StepDecision, AuthorityError> {
        let now = observed.now;
        if policy == StepPolicy::Force {
            return self.switch(stored, next, now);
        }
        if !trusted_by_all(&stored.bundle(), observed.bundles) {
            return Ok(StepDecision::Untrusted);
        }
        let Some(confirmed) = next.confirmed_at else {
            let next = NextAuthority { confirmed_at: Some(now), ..next.clone() };
            let confirmed = Record { next: Some(next), ..stored.clone() };
            return Ok(take(RotationStep::Confirm, confirmed.next_generation()));
        };
        let safe = confirmed + self.schedule.wait + 2 * self.schedule.skew;
        match &stored.previous {
            _ if now < safe => Ok(StepDecision::WaitsForClients(safe)),
            Some(previous) => Ok(self.shrink(stored, previous, now, policy)),
            None => self.switch(stored, next, now),
        }
    }

    fn switch(
        &self,
        stored: &Record,
        next: &NextAuthority,
        now: SystemTime,
    ) -> Result<StepDecision, AuthorityError> {
        Ok(take(RotationStep::Switch, self.switched(stored, next, now)?.next_generation()))
    }

    fn shrink(
        &self,
        stored: &Record,
        previous: &RetiredBundle,
        now: SystemTime,
        policy: StepPolicy,
    ) -> StepDecision {
        if now < previous.until && policy == StepPolicy::WhenSafe {
            return StepDecision::WaitsForLeaves(previous.until);
        }
        take(RotationStep::Shrink, Record { previous: None, ..stored.clone() }.next_generation())
    }
}

fn take(step: RotationStep, record: Record) -> StepDecision {
    StepDecision::Take(step, Box::new(record))
}
