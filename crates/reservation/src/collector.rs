//! Which reservations have served their time.

use crate::log::Log;
use crate::reservation::Reservation;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long reservations are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
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
    /// When each reservation was seen first.
    seen: BTreeMap<String, Duration>,
}

// === impl Retention ===

impl Default for Retention {
    fn default() -> Self {
        Self { own: Duration::from_secs(255), foreign: Duration::from_secs(315) }
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
            let first = *seen.entry(reservation.draft.name.clone()).or_insert(now);
            let time = if is_own(reservation) { retention.own } else { retention.foreign };
            now.saturating_sub(first) >= time
        };
        log.iter().filter(is_due).map(|reservation| &*reservation.draft.name).collect()
    }

    /// Returns how long a reservation has been known, or `None` if no look has found it.
    pub fn age(&self, name: &str, now: Duration) -> Option<Duration> {
        self.seen.get(name).map(|first| now.saturating_sub(*first))
    }
}
