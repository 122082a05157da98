//! Limits concurrent evaluations, and runs those of untrusted policies.
//!
//! Trusted policies run in the connection's task. All others run on a separate pool of threads, so that guests which use
//! their whole time delay neither accepts nor handshakes nor trusted policies.

use crate::limits::Limits;
use ordinance_engine::Execution;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The permits for evaluations in connection tasks, and for those on the pool.
#[derive(Debug)]
pub(super) struct Permits {
    inline: Arc<Semaphore>,
    pool: Arc<Semaphore>,
    threads: EvaluationThreads,
    wait: Duration,
}

/// How long an idle thread is kept.
const IDLE_THREAD: Duration = Duration::from_secs(60);

/// A pool of threads for evaluations. Dropping it does not wait for running evaluations.
#[derive(Debug)]
struct EvaluationThreads {
    handle: Handle,
    runtime: Option<Runtime>,
}

// === impl Permits ===

impl Permits {
    /// # Errors
    ///
    /// The system has no resources for the pool.
    pub(super) fn new(limits: &Limits) -> io::Result<Self> {
        let evaluations = limits.evaluations.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self {
            inline: Arc::new(Semaphore::new(evaluations)),
            pool: Arc::new(Semaphore::new(evaluations)),
            threads: EvaluationThreads::new(evaluations)?,
            wait: limits.queue_time,
        })
    }

    /// Acquires a permit, or returns `None` after [`Limits::queue_time`]. Each connection waits for at most one permit, so
    /// the limit on connections also limits the queue.
    pub(super) async fn acquire(&self, execution: Execution) -> Option<OwnedSemaphorePermit> {
        let permits = match execution {
            Execution::Inline => &self.inline,
            Execution::ThreadPool => &self.pool,
        };
        if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
            return Some(permit);
        }
        timeout(self.wait, Arc::clone(permits).acquire_owned()).await.ok()?.ok()
    }

    /// Runs work on a thread of the pool.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.threads.handle.spawn_blocking(work)
    }
}

// === impl EvaluationThreads ===

impl EvaluationThreads {
    fn new(count: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(count)
            .thread_keep_alive(IDLE_THREAD)
            .thread_name("evaluate")
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Drop for EvaluationThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
