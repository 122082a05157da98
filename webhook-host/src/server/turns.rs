//! Whose turn it is to be evaluated, and where.
//!
//! Trusted policies run in the connection's own task. All others run on a pool of threads of its own, so that guests
//! which use up their time never hold up accepts, handshakes or the trusted ones.

use crate::limits::Limits;
use ordinance_engine::Place;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The turns of both places.
#[derive(Debug)]
pub(super) struct Turns {
    inline: Arc<Semaphore>,
    pool: Arc<Semaphore>,
    threads: Threads,
    wait: Duration,
}

/// How long a thread is kept that nobody needs.
const IDLE_THREAD: Duration = Duration::from_secs(60);

/// Threads for blocking work; dropping them does not wait for it.
#[derive(Debug)]
struct Threads {
    handle: Handle,
    runtime: Option<Runtime>,
}

// === impl Turns ===

impl Turns {
    /// # Errors
    ///
    /// The system has no resources for the pool.
    pub(super) fn new(limits: &Limits) -> io::Result<Self> {
        let evaluations = limits.evaluations.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self {
            inline: Arc::new(Semaphore::new(evaluations)),
            pool: Arc::new(Semaphore::new(evaluations)),
            threads: Threads::new(evaluations)?,
            wait: limits.queue_time,
        })
    }

    /// A turn at that place; none if that would take too long. Each connection waits for one at most, so the queue is
    /// no longer than the limit on connections.
    pub(super) async fn take(&self, place: Place) -> Option<OwnedSemaphorePermit> {
        let turns = match place {
            Place::Inline => &self.inline,
            Place::Pool => &self.pool,
        };
        if let Ok(turn) = Arc::clone(turns).try_acquire_owned() {
            return Some(turn);
        }
        timeout(self.wait, Arc::clone(turns).acquire_owned()).await.ok()?.ok()
    }

    /// Runs work on a thread of the pool.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.threads.handle.spawn_blocking(work)
    }
}

// === impl Threads ===

impl Threads {
    fn new(count: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(count)
            .thread_keep_alive(IDLE_THREAD)
            .thread_name("evaluate")
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
