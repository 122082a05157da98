//! Watches the reservations of all replicas, and passes them to the logs of the policies.

use super::object::RawObject;
use super::reservation::{PLURAL, StoredReservation};
use super::watch_error::{WatchError, WatchErrorCause};
use crate::admission::Admission;
use crate::metrics::WatchMetrics;
use crate::reservations::{COLLECTION_INTERVAL, ReservationLog};
use futures_util::{Stream, StreamExt as _};
use kube::Api;
use kube::runtime::utils::Backoff as _;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event, watcher};
use ordinance_reservation::{Reservation, WatchEvent};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::Interval;

/// The duration of one watch request, so that a dead connection is noticed.
pub(super) const WATCH_TIME: Duration = Duration::from_secs(30);

/// The time between two questions whether the API server serves reservations, after it said that it does not.
const MISSING_PAUSE: Duration = Duration::from_secs(30);

/// The watch and the logs that it feeds.
pub(super) struct ReservationWatch {
    policies: Vec<(Arc<Admission>, Arc<ReservationLog>)>,
    metrics: WatchMetrics,
    backoff: DefaultBackoff,
    list_start: Instant,
    /// Why the next list starts, as a metric label.
    reason: &'static str,
    /// The last error, so that the log has it once.
    error: Option<WatchError>,
    /// The running look at old reservations.
    looks: JoinSet<()>,
}

/// Signals that events may have been missed, or that reservations were missing, so that they must be listed again.
struct Relist;

// === impl ReservationWatch ===

impl ReservationWatch {
    pub(super) fn new(policies: Vec<(Arc<Admission>, Arc<ReservationLog>)>, metrics: WatchMetrics) -> Self {
        Self {
            policies,
            metrics,
            backoff: DefaultBackoff::default(),
            list_start: Instant::now(),
            reason: "start",
            error: None,
            looks: JoinSet::new(),
        }
    }

    /// Runs forever.
    pub(super) async fn run(mut self, api: Api<RawObject<false>>) {
        let seconds = u32::try_from(WATCH_TIME.as_secs()).unwrap_or(u32::MAX);
        let mut collection = tokio::time::interval(COLLECTION_INTERVAL);
        loop {
            let mut events = pin!(watcher(api.clone(), Config::default().timeout(seconds)));
            while let Ok(()) = self.step(events.as_mut(), &mut collection).await {}
        }
    }

    async fn step(
        &mut self,
        mut events: Pin<&mut impl Stream<Item = watcher::Result<Event<RawObject<false>>>>>,
        collection: &mut Interval,
    ) -> Result<(), Relist> {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => {
                    self.apply(event);
                    Ok(())
                }
                Some(Err(error)) => self.handle_error(&error).await,
                None => Err(Relist),
            },
            _ = collection.tick() => {
                self.collect();
                Ok(())
            }
        }
    }

    /// Deletes what has served its time, and looks at what is old, unless the last look still runs.
    fn collect(&mut self) {
        while self.looks.try_join_next().is_some() {}
        let is_looking = !self.looks.is_empty();
        for (admission, log) in &self.policies {
            log.collect();
            if !is_looking {
                let admission = Arc::clone(admission);
                self.looks.spawn(async move { admission.settle_old_reservations().await });
            }
        }
    }

    fn logs(&self) -> impl Iterator<Item = &Arc<ReservationLog>> {
        self.policies.iter().map(|(_, log)| log)
    }

    fn apply(&mut self, event: Event<RawObject<false>>) {
        match event {
            Event::Init => {
                self.metrics.list_started(self.reason);
                self.reason = "failed";
                self.list_start = Instant::now();
                self.tell_all(&WatchEvent::ListStarted);
            }
            Event::InitApply(object) => self.tell(&object, WatchEvent::Listed),
            Event::InitDone => self.finish_list(),
            Event::Apply(object) => {
                self.metrics.responded();
                self.tell(&object, WatchEvent::Added);
            }
            Event::Delete(object) => {
                let name = object.name().unwrap_or_default().to_owned();
                self.tell_all(&WatchEvent::Removed(name));
            }
        }
    }

    fn finish_list(&mut self) {
        self.tell_all(&WatchEvent::ListFinished);
        self.metrics.list_finished(self.list_start.elapsed());
        self.metrics.responded();
        self.backoff.reset();
        if self.error.take().is_some() {
            tracing::info!(resource = PLURAL, "watching");
        }
        self.logs().for_each(|log| log.set_missing(false));
    }

    /// Passes a reservation to the log of its policy. One that can't be read reserves nothing.
    fn tell(&self, object: &RawObject<false>, event: impl Fn(Reservation) -> WatchEvent) {
        let stored = match serde_json::from_str::<StoredReservation<'_>>(object.json()) {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!(name = object.name(), %error, "can't read a reservation");
                return;
            }
        };
        if let Some(log) = self.logs().find(|log| log.policy() == stored.policy()) {
            log.watched(event(stored.into_reservation()));
        }
    }

    fn tell_all(&self, event: &WatchEvent) {
        self.logs().for_each(|log| log.watched(event.clone()));
    }

    async fn handle_error(&mut self, error: &watcher::Error) -> Result<(), Relist> {
        let error = WatchError::new(PLURAL, error);
        let cause = error.cause;
        self.metrics.failed(error.verb(), cause.as_str());
        let is_missing = matches!(cause, WatchErrorCause::Unknown | WatchErrorCause::Forbidden);
        match &self.error {
            Some(known) if *known == error => tracing::debug!("{error}"),
            _ if is_missing => tracing::warn!(
                "{error}: two objects that exclude each other, created in the same instant through two replicas, can both be \
                 admitted; apply the CustomResourceDefinition of the chart, and allow create, delete, list and watch"
            ),
            _ => tracing::warn!("{error}"),
        }
        self.error = Some(error);
        if is_missing {
            self.logs().for_each(|log| log.set_missing(true));
        }
        let pause = if is_missing { Some(MISSING_PAUSE) } else { self.backoff.next() };
        tokio::time::sleep(pause.unwrap_or(MISSING_PAUSE)).await;
        // An invalid response is an event that the API server does not send again, and only a list tells that the resource is back.
        let is_incomplete = matches!(cause, WatchErrorCause::Expired | WatchErrorCause::Garbage);
        if !is_missing && !is_incomplete {
            return Ok(());
        }
        self.reason = cause.as_str();
        Err(Relist)
    }
}
