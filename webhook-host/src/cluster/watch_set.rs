//! How current the watches are, and what the server waits for.

use super::watch_error::WatchError;
use crate::admission::Freshness;
use crate::clock::Clock;
use crate::metrics::{Metrics, WatchMetrics};
use ordinance_contract::Watch;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The longest duration of one watch request: the most that Kubernetes clients ask for.
const LONGEST_WATCH: Duration = Duration::from_secs(290);

/// The watches of a cluster, each with its state.
#[derive(Debug)]
pub struct WatchSet {
    states: Vec<Arc<WatchState>>,
    staleness: Duration,
    clock: Clock,
    changed: Arc<Notify>,
}

/// The state of one watch, shared by its reflector and its readers.
#[derive(Debug)]
pub(super) struct WatchState {
    watch: Watch,
    clock: Clock,
    origin: Instant,
    /// Milliseconds from the origin to the last response, plus one; 0 if the watch was never current.
    last_response: AtomicU64,
    /// While a list is incomplete, no response makes the index more current.
    is_listing: AtomicBool,
    staleness: Duration,
    /// Notified when only a list can make the index current again.
    list_needed: Notify,
    error: Mutex<Option<WatchError>>,
    changed: Arc<Notify>,
    pub(super) metrics: WatchMetrics,
}

// === impl WatchSet ===

impl WatchSet {
    /// Returns the states of watches that have not started. A watch is stale after `staleness` without an event, a
    /// bookmark or a new connection.
    pub fn new(watches: Vec<Watch>, staleness: Duration, clock: Clock, metrics: &Metrics) -> Self {
        let changed = Arc::new(Notify::new());
        let state = |watch: Watch| {
            Arc::new(WatchState {
                clock: clock.clone(),
                origin: clock.now(),
                last_response: AtomicU64::new(0),
                is_listing: AtomicBool::new(true),
                staleness,
                list_needed: Notify::new(),
                error: Mutex::default(),
                changed: Arc::clone(&changed),
                metrics: metrics.watch(&watch.resource),
                watch,
            })
        };
        Self { states: watches.into_iter().map(state).collect(), staleness, clock, changed }
    }

    /// Returns in one line which watches are not current, or `None` if all are.
    pub fn waiting_for(&self) -> Option<String> {
        let now = self.clock.now();
        let waiting = |state: &Arc<WatchState>| state.waiting_for(now, self.staleness);
        let lines: Vec<String> = self.states.iter().filter_map(waiting).collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }

    /// Waits until a watch becomes current or its state is lost. A watch that becomes stale wakes no caller.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Returns the duration of one watch request. It is short enough to notice a dead connection before the index is
    /// stale.
    pub(super) fn watch_timeout(&self) -> Duration {
        (self.staleness / 2).clamp(Duration::from_secs(1), LONGEST_WATCH)
    }

    pub(super) fn states(&self) -> &[Arc<WatchState>] {
        &self.states
    }
}

impl Freshness for WatchSet {
    fn is_current(&self) -> bool {
        let now = self.clock.now();
        self.states.iter().all(|state| state.is_current(now, self.staleness))
    }
}

// === impl WatchState ===

impl WatchState {
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(super) fn list_started(&self) {
        self.is_listing.store(true, Ordering::Release);
    }

    pub(super) fn list_finished(&self) {
        self.is_listing.store(false, Ordering::Release);
    }

    /// Waits until only a list can make the index current again.
    pub(super) async fn list_needed(&self) {
        self.list_needed.notified().await;
    }

    /// Records that the API server sent something. After too long a silence, the response may be the first of many that the
    /// index lacks, so it makes nothing current: the resource is listed again.
    pub(super) fn responded(&self) {
        if self.is_listing.load(Ordering::Acquire) {
            return;
        }
        let now = self.clock.now();
        if self.silence(now).is_some_and(|silence| silence > self.staleness) {
            self.lost(WatchError::silent(&self.watch.resource));
            self.list_needed.notify_one();
            return;
        }
        let time = now.saturating_duration_since(self.origin).as_millis();
        let value = u64::try_from(time).unwrap_or(u64::MAX - 1) + 1;
        let before = self.last_response.swap(value, Ordering::AcqRel);
        self.metrics.responded();
        if self.error().take().is_some() || before == 0 {
            tracing::info!(resource = self.watch.resource, "watching");
            self.changed.notify_one();
        }
    }

    /// Records that the index may lack objects. The watch is current again only after the next complete list.
    pub(super) fn lost(&self, error: WatchError) {
        self.list_started();
        self.last_response.store(0, Ordering::Release);
        self.failed(error);
        self.changed.notify_one();
    }

    /// Records a failed attempt. A repeated error is logged at debug level.
    pub(super) fn failed(&self, error: WatchError) {
        self.metrics.failed(error.verb(), error.cause.as_str());
        let mut known = self.error();
        if known.as_ref() == Some(&error) {
            tracing::debug!("{error}");
        } else {
            tracing::warn!("{error}");
        }
        *known = Some(error);
    }

    fn error(&self) -> MutexGuard<'_, Option<WatchError>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time since the last response, or `None` if the watch was never current.
    fn silence(&self, now: Instant) -> Option<Duration> {
        let last = self.last_response.load(Ordering::Acquire).checked_sub(1)?;
        Some(now.saturating_duration_since(self.origin + Duration::from_millis(last)))
    }

    fn is_current(&self, now: Instant, staleness: Duration) -> bool {
        self.silence(now).is_some_and(|silence| silence <= staleness)
    }

    fn waiting_for(&self, now: Instant, staleness: Duration) -> Option<String> {
        if self.is_current(now, staleness) {
            return None;
        }
        let resource = &self.watch.resource;
        let state = self.silence(now).map_or_else(
            || format!("{resource} are not listed yet"),
            |silence| format!("the watch of {resource} has been silent for {} s", silence.as_secs()),
        );
        Some(match &*self.error() {
            Some(error) => format!("{state}: {error}"),
            None => state,
        })
    }
}
