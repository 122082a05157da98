//! How current the index is: what each watch was last heard of, and what it waits for.

use super::trouble::Trouble;
use crate::admission;
use crate::clock::Clock;
use crate::metrics::{Metrics, WatchMetrics};
use ordinance_contract::Watch;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The longest time after which a watch is asked for anew: what clients of Kubernetes take at most.
const LONGEST_WATCH: Duration = Duration::from_secs(290);

/// How current all watches are.
#[derive(Debug)]
pub struct Freshness {
    watches: Vec<Arc<Watched>>,
    staleness: Duration,
    clock: Clock,
    changed: Arc<Notify>,
}

/// One watch as the others need to know it.
#[derive(Debug)]
pub(super) struct Watched {
    watch: Watch,
    clock: Clock,
    origin: Instant,
    /// Milliseconds from the origin, and one; 0 while the watch has never been current.
    heard: AtomicU64,
    /// Until a list is whole nothing that is heard makes the index more current.
    listing: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
    changed: Arc<Notify>,
    pub(super) metrics: WatchMetrics,
}

// === impl Freshness ===

impl Freshness {
    /// Of watches that have not begun. Without an event, a bookmark or a new connection for `staleness`, one is stale.
    pub fn new(watches: Vec<Watch>, staleness: Duration, clock: Clock, metrics: &Metrics) -> Self {
        let changed = Arc::new(Notify::new());
        let watched = |watch: Watch| {
            Arc::new(Watched {
                clock: clock.clone(),
                origin: clock.now(),
                heard: AtomicU64::new(0),
                listing: AtomicBool::new(true),
                trouble: Mutex::default(),
                changed: Arc::clone(&changed),
                metrics: metrics.watch(&watch.resource),
                watch,
            })
        };
        Self { watches: watches.into_iter().map(watched).collect(), staleness, clock, changed }
    }

    /// What it waits for, in one line; none if it is current.
    pub fn waits_for(&self) -> Option<String> {
        let now = self.clock.now();
        let waiting = |watched: &Arc<Watched>| watched.waits_for(now, self.staleness);
        let lines: Vec<String> = self.watches.iter().filter_map(waiting).collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }

    /// Returns when a watch has begun, or begun anew, to be current, or when something was lost. Staleness comes without a
    /// change.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// How long one request of a watch may last: a connection that died in silence is noticed before the index is stale.
    pub(super) fn watch_time(&self) -> Duration {
        (self.staleness / 2).clamp(Duration::from_secs(1), LONGEST_WATCH)
    }

    pub(super) fn watches(&self) -> &[Arc<Watched>] {
        &self.watches
    }
}

impl admission::Freshness for Freshness {
    fn is_current(&self) -> bool {
        let now = self.clock.now();
        self.watches.iter().all(|watched| watched.age(now).is_some_and(|age| age <= self.staleness))
    }
}

// === impl Watched ===

impl Watched {
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// A list begins.
    pub(super) fn listing(&self) {
        self.listing.store(true, Ordering::Release);
    }

    /// The list is whole.
    pub(super) fn listed(&self) {
        self.listing.store(false, Ordering::Release);
    }

    /// The API server said something.
    pub(super) fn heard(&self) {
        if self.listing.load(Ordering::Acquire) {
            return;
        }
        let time = self.clock.now().saturating_duration_since(self.origin).as_millis();
        let before = self.heard.swap(u64::try_from(time).unwrap_or(u64::MAX - 1) + 1, Ordering::AcqRel);
        self.metrics.responded();
        if self.trouble().take().is_some() || before == 0 {
            tracing::info!(resource = self.watch.resource, "watching");
            self.changed.notify_one();
        }
    }

    /// Something may be missing from the index: it is not current until it was listed again.
    pub(super) fn lost(&self, trouble: Trouble) {
        self.listing();
        self.heard.store(0, Ordering::Release);
        self.stumbled(trouble);
        self.changed.notify_one();
    }

    /// An attempt failed. The same trouble is told at length once.
    pub(super) fn stumbled(&self, trouble: Trouble) {
        self.metrics.failed(trouble.verb(), trouble.cause.as_str());
        let mut known = self.trouble();
        if known.as_ref() == Some(&trouble) {
            tracing::debug!("{trouble}");
        } else {
            tracing::warn!("{trouble}");
        }
        *known = Some(trouble);
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it has been silent; none while it has never been current.
    fn age(&self, now: Instant) -> Option<Duration> {
        let heard = self.heard.load(Ordering::Acquire).checked_sub(1)?;
        Some(now.saturating_duration_since(self.origin + Duration::from_millis(heard)))
    }

    fn waits_for(&self, now: Instant, staleness: Duration) -> Option<String> {
        let age = self.age(now);
        if age.is_some_and(|age| age <= staleness) {
            return None;
        }
        let resource = &self.watch.resource;
        let state = age.map_or_else(
            || format!("{resource} are not listed yet"),
            |age| format!("{resource} were last heard of {} s ago", age.as_secs()),
        );
        Some(match &*self.trouble() {
            Some(trouble) => format!("{state}: {trouble}"),
            None => state,
        })
    }
}
