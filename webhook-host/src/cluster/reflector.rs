//! Follows one resource: what its watch brings, in batches, into the memories of the policies that declared it.

use super::freshness::Watched;
use super::object::Raw;
use super::trouble::{Cause, Trouble};
use crate::admission::{Admission, Sighting};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use kube::Api;
use kube::runtime::utils::Backoff as _;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event, watcher};
use ordinance_engine::Failure;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Objects of a page, and of a batch.
const PAGE: usize = 500;

/// Something may have been missed: it has to be listed again.
#[derive(Debug)]
struct Lost;

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
            let mut events = pin!(watcher(api.clone(), config.clone()));
            while let Ok(()) = self.step(events.as_mut()).await {}
        }
    }

    /// Takes the next event, or brings the batch to the memories before there is one. Fails where the watcher would go on,
    /// though something may have been missed.
    async fn step(
        &mut self,
        events: Pin<&mut impl Stream<Item = watcher::Result<Event<Raw<METADATA>>>>>,
    ) -> Result<(), Lost> {
        match ready(events, &self.batch).await {
            None => self.flush().await,
            Some(Ok(Event::InitApply(object) | Event::Apply(object))) => self.take(object).await,
            Some(Ok(Event::Init)) => self.begin().await,
            Some(Ok(Event::InitDone)) => self.finish().await,
            Some(Ok(Event::Delete(object))) => self.lose(object).await,
            Some(Err(error)) => self.stumble(&error).await,
        }
    }

    async fn take(&mut self, object: Raw<METADATA>) -> Result<(), Lost> {
        self.batch.push(object);
        if self.batch.len() >= PAGE { self.flush().await } else { Ok(()) }
    }

    async fn begin(&mut self) -> Result<(), Lost> {
        self.flush().await?;
        self.watched.listing();
        self.watched.metrics.list_started(self.reason);
        self.round += 1;
        self.began = Instant::now();
        Ok(())
    }

    /// What the list does not have is gone.
    async fn finish(&mut self) -> Result<(), Lost> {
        self.flush().await?;
        let (watched, round) = (Arc::clone(&self.watched), self.round);
        self.on_thread(move |admission| admission.sweep(watched.watch(), round)).await?;
        self.watched.listed();
        self.backoff.reset();
        self.reason = "failed";
        let time = self.began.elapsed();
        self.watched.metrics.list_finished(time);
        tracing::info!(resource = self.watched.watch().resource, ?time, "listed");
        Ok(())
    }

    async fn lose(&mut self, object: Raw<METADATA>) -> Result<(), Lost> {
        self.flush().await?;
        let scope = object.scope(self.watched.watch());
        self.on_thread(move |admission| admission.lose(&scope, object.uid())).await
    }

    async fn stumble(&mut self, error: &watcher::Error) -> Result<(), Lost> {
        self.flush().await?;
        let trouble = Trouble::new(&self.watched.watch().resource, error);
        let cause = trouble.cause;
        self.watched.stumbled(trouble);
        self.pause().await;
        // What could not be read is an event that nobody will send again.
        if matches!(cause, Cause::Expired | Cause::Garbage) {
            self.reason = cause.as_str();
            return Err(Lost);
        }
        Ok(())
    }

    async fn pause(&mut self) {
        if let Some(pause) = self.backoff.next() {
            tokio::time::sleep(pause).await;
        }
    }

    /// Brings the batch to the memories.
    async fn flush(&mut self) -> Result<(), Lost> {
        if self.batch.is_empty() {
            return Ok(());
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
            admission.see(sightings, round)
        })
        .await
    }

    /// Policies run on a thread for blocking work, so that requests are answered meanwhile. What a panic kept from a
    /// memory is not brought again: the index does not count as current until everything was listed once more.
    async fn on_thread(
        &mut self,
        work: impl Fn(&Admission) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Lost> {
        let admissions = self.admissions.clone();
        let all = move || admissions.iter().try_for_each(|admission| work(admission));
        if let Ok(Ok(())) = tokio::task::spawn_blocking(all).await {
            return Ok(());
        }
        let trouble = Trouble::of_a_panic(&self.watched.watch().resource);
        self.reason = trouble.cause.as_str();
        self.watched.lost(trouble);
        self.pause().await;
        Err(Lost)
    }
}

/// The next item; none if it would have to be waited for while a batch is not yet brought.
async fn ready<S: Stream, T>(mut items: Pin<&mut S>, batch: &[T]) -> Option<S::Item> {
    if batch.is_empty() { items.next().await } else { items.next().now_or_never().flatten() }
}
