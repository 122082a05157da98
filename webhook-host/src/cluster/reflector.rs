//! Lists and watches one resource, and reflects it into the indexes of the policies that declared it.

use super::object::RawObject;
use super::page_limit;
use super::watch_error::{WatchError, WatchErrorCause};
use super::watch_set::WatchState;
use crate::admission::{Admission, ObservedObject};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use kube::Api;
use kube::runtime::utils::Backoff as _;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event, watcher};
use ordinance_engine::Failure;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most objects of one page, and of one batch. After a page that exceeds [`PAGE_BYTES`](super::page_limit::PAGE_BYTES), the
/// pages of the next list have fewer objects; after a complete list, the next one's have twice as many.
const PAGE: usize = 500;

/// By how much a page shrinks.
const SHRINK: usize = 4;

/// Signals that events may have been missed, so that the resource must be listed again.
#[derive(Debug)]
struct Relist;

/// The list and watch of one resource, and the policies that it feeds.
pub(super) struct Reflector<const METADATA: bool> {
    state: Arc<WatchState>,
    admissions: Vec<Arc<Admission>>,
    /// The number of lists started so far.
    round: u32,
    /// Why the next list starts, as a metric label.
    reason: &'static str,
    list_start: Instant,
    batch: Vec<RawObject<METADATA>>,
    /// Objects of one page of the next list.
    page: usize,
    backoff: DefaultBackoff,
}

// === impl Reflector ===

impl<const METADATA: bool> Reflector<METADATA> {
    pub(super) fn new(state: Arc<WatchState>, admissions: Vec<Arc<Admission>>) -> Self {
        Self {
            state,
            admissions,
            round: 0,
            reason: "start",
            list_start: Instant::now(),
            batch: Vec::new(),
            page: PAGE,
            backoff: DefaultBackoff::default(),
        }
    }

    /// Runs forever. Lists name no resource version, so the API server answers them with the latest state.
    pub(super) async fn run(mut self, api: Api<RawObject<METADATA>>, timeout: Duration) {
        let seconds = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
        loop {
            let page = u32::try_from(self.page).unwrap_or(u32::MAX);
            let config = Config::default().page_size(page).timeout(seconds);
            let mut events = pin!(watcher(api.clone(), config));
            while let Ok(()) = self.step(events.as_mut()).await {}
        }
    }

    /// Handles the next event, or flushes the batch if no event is ready. Returns [`Relist`] where the watcher would
    /// continue although events may have been missed.
    async fn step(
        &mut self,
        events: Pin<&mut impl Stream<Item = watcher::Result<Event<RawObject<METADATA>>>>>,
    ) -> Result<(), Relist> {
        let state = Arc::clone(&self.state);
        let next = tokio::select! {
            biased;
            () = state.list_needed() => {
                self.reason = WatchErrorCause::Silent.as_str();
                return Err(Relist);
            }
            next = next_or_flush(events, &self.batch) => next,
        };
        match next {
            None => self.flush().await,
            Some(Ok(Event::InitApply(object) | Event::Apply(object))) => self.push(object).await,
            Some(Ok(Event::Init)) => self.start_list().await,
            Some(Ok(Event::InitDone)) => self.finish_list().await,
            Some(Ok(Event::Delete(object))) => self.remove(object).await,
            Some(Err(error)) => self.handle_error(&error).await,
        }
    }

    async fn push(&mut self, object: RawObject<METADATA>) -> Result<(), Relist> {
        self.batch.push(object);
        if self.batch.len() >= self.page { self.flush().await } else { Ok(()) }
    }

    async fn start_list(&mut self) -> Result<(), Relist> {
        self.flush().await?;
        self.state.list_started();
        self.state.metrics.list_started(self.reason);
        self.round += 1;
        self.list_start = Instant::now();
        Ok(())
    }

    /// Removes the objects that the complete list does not contain.
    async fn finish_list(&mut self) -> Result<(), Relist> {
        self.flush().await?;
        let (state, round) = (Arc::clone(&self.state), self.round);
        self.on_blocking_thread(move |admission| admission.sweep(state.watch(), round)).await?;
        self.state.list_finished();
        self.backoff.reset();
        self.page = (2 * self.page).min(PAGE);
        self.reason = "failed";
        let time = self.list_start.elapsed();
        self.state.metrics.list_finished(time);
        tracing::info!(resource = self.state.watch().resource, ?time, "listed");
        Ok(())
    }

    async fn remove(&mut self, object: RawObject<METADATA>) -> Result<(), Relist> {
        self.flush().await?;
        let scope = object.scope(self.state.watch());
        self.on_blocking_thread(move |admission| admission.remove(&scope, object.uid())).await
    }

    async fn handle_error(&mut self, error: &watcher::Error) -> Result<(), Relist> {
        self.flush().await?;
        let is_too_large = page_limit::is_too_large(error);
        let error = WatchError::new(&self.state.watch().resource, error);
        let cause = error.cause;
        self.state.failed(error);
        self.back_off().await;
        if is_too_large {
            self.page = (self.page / SHRINK).max(1);
        }
        // An invalid response is an event that the API server does not send again.
        if matches!(cause, WatchErrorCause::Expired | WatchErrorCause::Garbage) {
            self.reason = cause.as_str();
            return Err(Relist);
        }
        // Only a new watcher asks for smaller pages.
        if is_too_large { Err(Relist) } else { Ok(()) }
    }

    async fn back_off(&mut self) {
        if let Some(pause) = self.backoff.next() {
            tokio::time::sleep(pause).await;
        }
    }

    /// Enters the batch into the indexes.
    async fn flush(&mut self) -> Result<(), Relist> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (state, batch, round) = (Arc::clone(&self.state), std::mem::take(&mut self.batch), self.round);
        self.on_blocking_thread(move |admission| {
            let objects = batch.iter().map(|object| ObservedObject {
                scope: object.scope(state.watch()),
                uid: object.uid(),
                version: object.version(),
                json: object.json(),
            });
            admission.observe(objects, round)
        })
        .await
    }

    /// Runs the policies on a blocking thread, so that the workers keep answering requests. After a panic the objects of
    /// this call may be missing from an index, so the watch is not current until the next complete list.
    async fn on_blocking_thread(
        &mut self,
        work: impl Fn(&Admission) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Relist> {
        let admissions = self.admissions.clone();
        let all = move || admissions.iter().try_for_each(|admission| work(admission));
        if let Ok(Ok(())) = tokio::task::spawn_blocking(all).await {
            return Ok(());
        }
        let error = WatchError::panic(&self.state.watch().resource);
        self.reason = error.cause.as_str();
        self.state.lost(error);
        self.back_off().await;
        Err(Relist)
    }
}

/// Returns the next item, or `None` if the batch is not empty and no item is ready.
async fn next_or_flush<S: Stream, T>(mut items: Pin<&mut S>, batch: &[T]) -> Option<S::Item> {
    if batch.is_empty() { items.next().await } else { items.next().now_or_never().flatten() }
}
