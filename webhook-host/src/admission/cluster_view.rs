//! The parts of a cluster that admission depends on: the freshness of the index, time, and what the API server stores now.

use super::memory::PendingLimits;
use crate::clock::Clock;
use ordinance_contract::Scope;
use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The requests that wait for the confirmation of a pending object at the same time, by the name of their object.
const WAITING_REQUESTS: usize = 1_000;

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

/// A future of any type.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The freshness of the index, and the lifetime of objects that no watch has reported.
#[derive(Debug)]
pub(super) struct ClusterView {
    pub(super) freshness: Arc<dyn Freshness>,
    pub(super) stored: OnceLock<Arc<dyn StoredObjects>>,
    clock: Clock,
    /// How long an admitted object counts if no watch reports it.
    pending_time: Duration,
    pending_objects: usize,
    /// The requests that wait for a confirmation, and since when.
    waiting: Mutex<HashMap<Scope<'static>, Instant>>,
}

// === impl ClusterView ===

impl ClusterView {
    pub(super) fn new(
        freshness: Arc<dyn Freshness>,
        clock: Clock,
        pending_time: Duration,
        pending_objects: usize,
    ) -> Self {
        let (stored, waiting) = (OnceLock::new(), Mutex::default());
        Self { freshness, stored, clock, pending_time, pending_objects, waiting }
    }

    /// Returns the limits of admitted objects, with the current time.
    pub(super) fn pending_limits(&self) -> PendingLimits {
        PendingLimits { now: self.clock.now(), time: self.pending_time, objects: self.pending_objects }
    }

    /// Returns whether a request may wait for the confirmation of a pending object. It may for as long as an admitted object
    /// counts, however many objects it waits for one after the other, and only if the API server can be asked.
    pub(super) fn may_wait(&self, request: &Scope<'_>) -> bool {
        if self.stored.get().is_none() {
            return false;
        }
        let now = self.clock.now();
        // No code panics while it changes the map.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, since| now < *since + 2 * self.pending_time);
        if let Some(since) = waiting.get(request) {
            return now < *since + self.pending_time;
        }
        let has_room = waiting.len() < WAITING_REQUESTS;
        if has_room {
            waiting.insert(request.clone().into_owned(), now);
        }
        has_room
    }
}
