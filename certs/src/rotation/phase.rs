//! The phases of a rotation, and the steps between them.

use super::schedule::Schedule;
use crate::record::{NextAuthority, Record};
use serde::Serialize;
use std::fmt;
use std::time::{Duration, SystemTime};

/// A phase of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum RotationPhase {
    /// Nothing to do until the CA is due.
    Steady,
    /// `next` exists, but not every configuration is known to trust it.
    Confirm,
    /// Every configuration trusts `next`, for too short a time for it to sign.
    Wait,
    /// Leaf certificates of `previous` may still be served.
    Drain,
}

/// A step of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum RotationStep {
    /// Makes `next` and adds it to the bundle.
    Publish,
    /// Records that every configuration trusts `next`.
    Confirm,
    /// Makes `next` the signing CA.
    Switch,
    /// Removes `previous` from the bundle.
    Shrink,
    /// Replaces an expired CA at once.
    Replace,
}

// === impl RotationPhase ===

impl RotationPhase {
    /// Returns the step that ends the phase.
    pub const fn next(self) -> RotationStep {
        match self {
            Self::Steady => RotationStep::Publish,
            Self::Confirm => RotationStep::Confirm,
            Self::Wait => RotationStep::Switch,
            Self::Drain => RotationStep::Shrink,
        }
    }
}

// === impl RotationStep ===

impl fmt::Display for RotationStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publish => "publish the next CA, which does not sign yet",
            Self::Confirm => "confirm that every client trusts the next CA",
            Self::Switch => "sign with the next CA",
            Self::Shrink => "stop trusting the former CA",
            Self::Replace => "replace the expired CA",
        })
    }
}

// === impl Record ===

impl Record {
    /// Returns the phase of the rotation.
    pub fn phase(&self) -> RotationPhase {
        match (&self.next, &self.previous) {
            (Some(NextAuthority { confirmed_at: None, .. }), _) => RotationPhase::Confirm,
            (Some(_), _) => RotationPhase::Wait,
            (None, Some(_)) => RotationPhase::Drain,
            (None, None) => RotationPhase::Steady,
        }
    }

    /// Returns the earliest time of the next step, or `None` if it depends on the configurations and not on time.
    pub fn next_step(&self, schedule: &Schedule) -> Option<SystemTime> {
        let drained = self.previous.as_ref().map(|previous| previous.until);
        match self.phase() {
            RotationPhase::Confirm => None,
            RotationPhase::Wait => {
                let waited = self.next.as_ref()?.confirmed_at? + schedule.wait;
                Some(drained.map_or(waited, |drained| drained.max(waited)))
            }
            RotationPhase::Drain => drained,
            RotationPhase::Steady => Some(schedule.due(self.current.validity()?)),
        }
    }

    /// Returns whether clients are known to trust the current CA, so that a new replica may start to serve. If clients
    /// trusted other CAs before, this takes the schedule's wait in addition.
    pub fn is_trusted(&self, now: SystemTime, schedule: &Schedule) -> bool {
        let wait = self.previous.as_ref().map_or(Duration::ZERO, |_| schedule.wait);
        self.confirmed_at.is_some_and(|confirmed| confirmed + wait <= now)
    }
}
