//! Watches the reservations of all replicas, and passes them to the logs of the policies.

use super::object::RawObject;
use super::reservation::{PLURAL, StoredReservation};
use super::watch_error::{WatchError, WatchErrorCause};
use crate::metrics::WatchMetrics;
use crate::reservations::{COLLECTION_INTERVAL, ReservationLog};
use futures_util::StreamExt as _;
use kube::Api;
use kube::runtime::utils::Backoff as _;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event, watcher};
use ordinance_reservation::{Reservation, WatchEvent};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The duration of one watch request, so that a dead connection is noticed.
pub(super) const WATCH_TIME: Duration = Duration::from_secs(30);

/// The time between two questions whether the API server serves reservations, after it said that it does not.
const MISSING_PAUSE: Duration = Duration::from_secs(30);

/// The watch and the logs that it feeds.
pub(super) struct ReservationWatch {
    logs: Vec<Arc<ReservationLog>>,
    metrics: WatchMetrics,
    backoff: DefaultBackoff,
    list_start: Instant,
    /// The last error, so that the log has it once.
    error: Option<WatchError>,
}

// === impl ReservationWatch ===

impl ReservationWatch {
    pub(super) fn new(logs: Vec<Arc<ReservationLog>>, metrics: WatchMetrics) -> Self {
        Self { logs, metrics, backoff: DefaultBackoff::default(), list_start: Instant::now(), error: None }
    }

    /// Runs forever.
    pub(super) async fn run(mut self, api: Api<RawObject<false>>) {
        let seconds = u32::try_from(WATCH_TIME.as_secs()).unwrap_or(u32::MAX);
        let mut collection = tokio::time::interval(COLLECTION_INTERVAL);
        let mut events = pin!(watcher(api, Config::default().timeout(seconds)));
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => self.apply(event),
                    Some(Err(error)) => self.handle_error(&error).await,
                    None => return,
                },
                _ = collection.tick() => self.logs.iter().for_each(ReservationLog::collect),
            }
        }
    }

    fn apply(&mut self, event: Event<RawObject<false>>) {
        match event {
            Event::Init => {
                self.metrics.list_started("start");
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
        self.logs.iter().for_each(|log| log.set_missing(false));
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
        if let Some(log) = self.logs.iter().find(|log| log.policy() == stored.policy()) {
            log.watched(event(stored.into_reservation()));
        }
    }

    fn tell_all(&self, event: &WatchEvent) {
        self.logs.iter().for_each(|log| log.watched(event.clone()));
    }

    async fn handle_error(&mut self, error: &watcher::Error) {
        let error = WatchError::new(PLURAL, error);
        self.metrics.failed(error.verb(), error.cause.as_str());
        let is_missing = matches!(error.cause, WatchErrorCause::Unknown | WatchErrorCause::Forbidden);
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
            self.logs.iter().for_each(|log| log.set_missing(true));
        }
        let pause = if is_missing { Some(MISSING_PAUSE) } else { self.backoff.next() };
        tokio::time::sleep(pause.unwrap_or(MISSING_PAUSE)).await;
    }
}
