//! The parts of a cluster that admission depends on: the freshness of the index, time, and what the API server stores now.

use super::memory::PendingLimits;
use crate::clock::Clock;
use crate::reservations::ReservationLog;
use futures_util::future::BoxFuture;
use ordinance_contract::Scope;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The requests that wait for the confirmation of a pending object at the same time, by the name of their object.
const WAITING_REQUESTS: usize = 1_000;

/// How long an answer of the API server counts for a request. The API server sends the request again after 1 s.
const ANSWER_TIME: Duration = Duration::from_millis(900);

/// Tells whether the watches that fill the index are current.
pub trait Freshness: fmt::Debug + Send + Sync {
    /// Returns whether the index holds what the API server stores, apart from the delay of a watch.
    fn is_current(&self) -> bool;
}

/// Reads objects as the API server stores them now, without the delay of a watch.
pub trait StoredObjects: fmt::Debug + Send + Sync {
    /// Returns an object as JSON, or `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// In one line, why the API server did not answer.
    fn get<'a>(&'a self, object: &'a Scope<'_>) -> BoxFuture<'a, Result<Option<String>, String>>;
}

/// The freshness of the index, and the lifetime of objects that no watch has reported.
#[derive(Debug)]
pub(super) struct ClusterView {
    pub(super) freshness: Arc<dyn Freshness>,
    pub(super) stored: OnceLock<Arc<dyn StoredObjects>>,
    pub(super) reservations: OnceLock<Arc<ReservationLog>>,
    clock: Clock,
    /// How long an admitted object counts if no watch reports it.
    pending_time: Duration,
    pending_objects: usize,
    waiting: Mutex<HashMap<Scope<'static>, WaitingRequest>>,
}

/// A request that waits for the confirmation of pending objects.
#[derive(Debug)]
struct WaitingRequest {
    since: Instant,
    /// When the API server was last asked.
    asked_at: Instant,
}

/// What to do with a request that depends on pending objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Ask the API server whether it stores them.
    Ask,
    /// Wait: it does not yet.
    Later,
    /// Decide without them: the request has waited for as long as an admitted object counts.
    GiveUp,
}

// === impl ClusterView ===

impl ClusterView {
    pub(super) fn new(
        freshness: Arc<dyn Freshness>,
        clock: Clock,
        pending_time: Duration,
        pending_objects: usize,
    ) -> Self {
        let (stored, reservations, waiting) = (OnceLock::new(), OnceLock::new(), Mutex::default());
        Self { freshness, stored, reservations, clock, pending_time, pending_objects, waiting }
    }

    /// Returns the limits of admitted objects, with the current time.
    pub(super) fn pending_limits(&self) -> PendingLimits {
        PendingLimits { now: self.clock.now(), time: self.pending_time, objects: self.pending_objects }
    }

    /// Returns what to do with a request that depends on pending objects. However many objects it depends on one after the
    /// other, it waits no longer than an admitted object counts.
    pub(super) fn wait(&self, request: &Scope<'_>) -> Wait {
        if self.stored.get().is_none() {
            return Wait::GiveUp;
        }
        let (now, request) = (self.clock.now(), request.clone().into_owned());
        // No code panics while it changes the map.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, waiting| now < waiting.since + 2 * self.pending_time);
        if let Some(waiting) = waiting.get_mut(&request) {
            return waiting.next(now, self.pending_time);
        }
        if waiting.len() >= WAITING_REQUESTS {
            return Wait::GiveUp;
        }
        waiting.insert(request, WaitingRequest { since: now, asked_at: now });
        Wait::Ask
    }
}

// === impl WaitingRequest ===

impl WaitingRequest {
    fn next(&mut self, now: Instant, longest: Duration) -> Wait {
        if self.asked_at + ANSWER_TIME <= now {
            self.asked_at = now;
            return Wait::Ask;
        }
        if now < self.since + longest { Wait::Later } else { Wait::GiveUp }
    }
}
