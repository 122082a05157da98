//! Follows one resource: what its watch brings, in batches, into the memories of the policies that declared it.

use super::freshness::Watched;
use super::object::Raw;
use super::trouble::{Cause, Trouble};
use crate::admission::{Admission, Sighting};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use kube::Api;
use kube::runtime::utils::Backoff as _;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event, watcher};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Objects of a page, and of a batch.
const PAGE: usize = 500;

/// What can come of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The watcher goes on from where it was.
    GoOn,
    /// It may have missed something, and has to list again.
    Relist,
}

/// One resource and who wants to know of it.
pub(super) struct Follower<const METADATA: bool> {
    watched: Arc<Watched>,
    admissions: Vec<Arc<Admission>>,
    /// Counts lists.
    round: u32,
    /// Why the next list is needed.
    reason: &'static str,
    began: Instant,
    batch: Vec<Raw<METADATA>>,
    backoff: DefaultBackoff,
}

// === impl Follower ===

impl<const METADATA: bool> Follower<METADATA> {
    pub(super) fn new(watched: Arc<Watched>, admissions: Vec<Arc<Admission>>) -> Self {
        Self {
            watched,
            admissions,
            round: 0,
            reason: "start",
            began: Instant::now(),
            batch: Vec::new(),
            backoff: DefaultBackoff::default(),
        }
    }

    /// Follows for good. Lists are by quorum: no resource version is asked for.
    pub(super) async fn follow(mut self, api: Api<Raw<METADATA>>, time: Duration) {
        let page = u32::try_from(PAGE).unwrap_or(u32::MAX);
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let config = Config::default().page_size(page).timeout(seconds);
        loop {
            let events = pin!(watcher(api.clone(), config.clone()));
            self.until_lost(events).await;
        }
    }

    /// Returns when the watcher would go on, though something may have been missed.
    async fn until_lost(
        &mut self,
        mut events: Pin<&mut impl Stream<Item = watcher::Result<Event<Raw<METADATA>>>>>,
    ) {
        loop {
            let Some(event) = ready(events.as_mut(), &self.batch).await else {
                self.flush().await;
                continue;
            };
            match event {
                Ok(Event::InitApply(object) | Event::Apply(object)) => self.take(object).await,
                Ok(Event::Init) => self.begin().await,
                Ok(Event::InitDone) => self.finish().await,
                Ok(Event::Delete(object)) => self.lose(&object).await,
                Err(error) if self.stumble(&error).await == Next::Relist => return,
                Err(_) => {}
            }
        }
    }

    async fn take(&mut self, object: Raw<METADATA>) {
        self.batch.push(object);
        if self.batch.len() >= PAGE {
            self.flush().await;
        }
    }

    async fn begin(&mut self) {
        self.flush().await;
        self.watched.listing();
        self.watched.metrics.lists(self.reason);
        self.round += 1;
        self.began = Instant::now();
    }

    /// What the list does not have is gone.
    async fn finish(&mut self) {
        self.flush().await;
        let (watched, round) = (Arc::clone(&self.watched), self.round);
        self.on_thread(move |admission| admission.sweep(watched.watch(), round)).await;
        self.watched.listed();
        self.backoff.reset();
        self.reason = "failed";
        let time = self.began.elapsed();
        self.watched.metrics.synced(time);
        tracing::info!(resource = self.watched.watch().resource, ?time, "listed");
    }

    async fn lose(&mut self, object: &Raw<METADATA>) {
        self.flush().await;
        let scope = object.scope(self.watched.watch());
        self.admissions.iter().for_each(|admission| admission.lose(&scope, object.uid()));
    }

    async fn stumble(&mut self, error: &watcher::Error) -> Next {
        self.flush().await;
        let trouble = Trouble::new(&self.watched.watch().resource, error);
        let cause = trouble.cause;
        self.watched.stumbled(trouble);
        if let Some(pause) = self.backoff.next() {
            tokio::time::sleep(pause).await;
        }
        // What could not be read is an event that nobody will send again.
        if matches!(cause, Cause::Expired | Cause::Garbage) {
            self.reason = cause.as_str();
            return Next::Relist;
        }
        Next::GoOn
    }

    /// Brings the batch to the memories.
    async fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let (watched, batch, round) =
            (Arc::clone(&self.watched), std::mem::take(&mut self.batch), self.round);
        self.on_thread(move |admission| {
            let sightings = batch.iter().map(|object| Sighting {
                scope: object.scope(watched.watch()),
                uid: object.uid(),
                version: object.version(),
                json: object.json(),
            });
            admission.see(sightings, round);
        })
        .await;
    }

    /// Policies run on a thread for blocking work, so that requests are answered meanwhile.
    async fn on_thread(&self, work: impl Fn(&Admission) + Send + 'static) {
        let admissions = self.admissions.clone();
        let done =
            tokio::task::spawn_blocking(move || admissions.iter().for_each(|admission| work(admission)));
        if done.await.is_err() {
            tracing::error!(resource = self.watched.watch().resource, "a batch was lost by a panic");
        }
    }
}

/// The next item; none if it would have to be waited for while a batch is not yet brought.
async fn ready<S: Stream, T>(mut items: Pin<&mut S>, batch: &[T]) -> Option<S::Item> {
    if batch.is_empty() { items.next().await } else { items.next().now_or_never().flatten() }
}
