//! A step that somebody asks for before it is due. What makes it safe is waited for, unless that is asked for, too.

use super::{Phase, Rotation, Sight, is_shown};
use crate::authority::AuthorityError;
use crate::record::{Coming, Record, Retired};
use serde::Serialize;
use std::fmt;
use std::time::SystemTime;

/// Whether what makes a step safe is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// It is.
    Safely,
    /// It is not: requests may fail meanwhile.
    AtOnce,
}

/// A step of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Step {
    /// `next` is made, and to be trusted from then on.
    Publish,
    /// Everybody is seen to trust it.
    Confirm,
    /// It signs.
    Switch,
    /// The former one is trusted no more.
    Shrink,
    /// An expired CA is replaced by another.
    Replace,
}

/// What becomes of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// This is to be stored.
    Step(Step, Box<Record>),
    /// Nothing can be done before others trust `next`.
    Untrusted,
    /// Clients may go on with the bundle that they had, until then.
    Bundles(SystemTime),
    /// What `previous` signed may be served until then.
    Leaves(SystemTime),
}

// === impl Rotation ===

impl Rotation {
    /// The next step of a record, whether it is due by itself or not. Who confirmed that `next` is trusted may have
    /// another clock.
    ///
    /// # Errors
    ///
    /// If no CA can be made.
    pub fn asked(&self, stored: &Record, sight: &Sight<'_>, haste: Haste) -> Result<Asked, AuthorityError> {
        let now = sight.now;
        if stored.current.validity().is_some_and(|current| current.not_after <= now) {
            return Ok(step(Step::Replace, self.replaced_at_once(stored, now)?));
        }
        match (&stored.next, &stored.previous) {
            (Some(next), _) => Ok(self.coming(stored, next, sight, haste)),
            (None, Some(previous)) => Ok(self.going(stored, previous, now, haste)),
            (None, None) => {
                let published = stored.clone().with_next(&self.names, now, &self.schedule)?;
                Ok(step(Step::Publish, published))
            }
        }
    }

    fn coming(&self, stored: &Record, next: &Coming, sight: &Sight<'_>, haste: Haste) -> Asked {
        let now = sight.now;
        if haste == Haste::AtOnce {
            return step(Step::Switch, self.with_switched(stored, next, now).changed());
        }
        if !is_shown(&stored.bundle(), sight.shown) {
            return Asked::Untrusted;
        }
        let Some(confirmed) = next.confirmed_at else {
            let next = Coming { confirmed_at: Some(now), ..next.clone() };
            return step(Step::Confirm, Record { next: Some(next), ..stored.clone() }.changed());
        };
        let safe = confirmed + self.schedule.wait + 2 * self.schedule.skew;
        match &stored.previous {
            _ if now < safe => Asked::Bundles(safe),
            Some(previous) => self.going(stored, previous, now, haste),
            None => step(Step::Switch, self.with_switched(stored, next, now).changed()),
        }
    }

    fn going(&self, stored: &Record, previous: &Retired, now: SystemTime, haste: Haste) -> Asked {
        if now < previous.until && haste == Haste::Safely {
            return Asked::Leaves(previous.until);
        }
        step(Step::Shrink, Record { previous: None, ..stored.clone() }.changed())
    }
}

fn step(step: Step, record: Record) -> Asked {
    Asked::Step(step, Box::new(record))
}

// === impl Phase ===

impl Phase {
    /// The step that comes next.
    pub const fn next(self) -> Step {
        match self {
            Self::Steady => Step::Publish,
            Self::Confirm => Step::Confirm,
            Self::Wait => Step::Switch,
            Self::Drain => Step::Shrink,
        }
    }
}

// === impl Step ===

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publish => "publish the next CA, which signs nothing yet",
            Self::Confirm => "see that everybody trusts the next CA",
            Self::Switch => "let the next CA sign",
            Self::Shrink => "trust the former CA no more",
            Self::Replace => "replace the CA, which has expired",
        })
    }
}
