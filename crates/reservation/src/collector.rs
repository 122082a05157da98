//! Which reservations have served their time.

use crate::log::Log;
use crate::reservation::Reservation;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long reservations are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long the API server may take to store an admitted object. After that, an object that is not stored never will be.
    pub pending: Duration,
    /// How long a replica keeps its own reservations. It has to exceed the time that the API server may take to store an admitted
    /// object (its request timeout, 60 s) and the time after which a replica whose watches are silent decides nothing. After
    /// that, an object that is stored excludes others by itself, and an object that is not stored never will be.
    pub own: Duration,
    /// How long a replica keeps those of others, which may have ended.
    pub foreign: Duration,
}

/// Finds the reservations to delete. Each replica has one: a second deletion does no harm.
#[derive(Clone, Debug)]
pub struct Collector {
    retention: Retention,
    seen: BTreeMap<String, SeenReservation>,
}

/// What a collector remembers of a reservation.
#[derive(Clone, Copy, Debug)]
struct SeenReservation {
    /// When it was seen first.
    first: Duration,
    /// When its deletion was asked for.
    asked: Option<Duration>,
}

/// How long a deletion may take before it is asked for again.
const DELETION_TIME: Duration = Duration::from_secs(60);

// === impl Retention ===

impl Default for Retention {
    fn default() -> Self {
        Self {
            pending: Duration::from_secs(75),
            own: Duration::from_secs(255),
            foreign: Duration::from_secs(315),
        }
    }
}

// === impl Collector ===

impl Collector {
    /// Returns a collector that has seen nothing.
    pub fn new(retention: Retention) -> Self {
        Self { retention, seen: BTreeMap::new() }
    }

    /// Looks at the log at a monotonic time, and returns the names of the reservations to delete.
    pub fn look<'a>(
        &mut self,
        log: &'a Log,
        now: Duration,
        is_own: impl Fn(&Reservation) -> bool,
    ) -> Vec<&'a str> {
        let Self { retention, seen } = self;
        seen.retain(|name, _| log.contains(name));
        let is_due = |reservation: &&Reservation| {
            let unseen = SeenReservation { first: now, asked: None };
            let seen = seen.entry(reservation.draft.name.clone()).or_insert(unseen);
            let time = if is_own(reservation) { retention.own } else { retention.foreign };
            let is_asked = seen.asked.is_some_and(|asked| now.saturating_sub(asked) < DELETION_TIME);
            let is_due = now.saturating_sub(seen.first) >= time && !is_asked;
            if is_due {
                seen.asked = Some(now);
            }
            is_due
        };
        log.iter().filter(is_due).map(|reservation| &*reservation.draft.name).collect()
    }

    /// Returns how long a reservation has been known, or `None` if no look has found it.
    pub fn age(&self, name: &str, now: Duration) -> Option<Duration> {
        self.seen.get(name).map(|seen| now.saturating_sub(seen.first))
    }
}
