//! Limits concurrent evaluations, and runs those that may take long.
//!
//! Trusted policies review small bodies in the connection's task. All other evaluations run on a separate pool of threads. It
//! has one thread less than `limits.evaluations`, and a low priority, so that long evaluations delay neither accepts nor
//! handshakes nor short reviews.

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

/// The priority of the pool's threads, as `nice` has it: beside a worker on one core they get a quarter of its time.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

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
        let threads = (evaluations - 1).max(1);
        Ok(Self {
            inline: Arc::new(Semaphore::new(evaluations)),
            pool: Arc::new(Semaphore::new(threads)),
            threads: EvaluationThreads::new(threads)?,
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
            .on_thread_start(lower_priority)
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

/// Lowers the priority of the calling thread.
fn lower_priority() {
    // Only Linux has a priority per thread. A sandbox may forbid the call; then the kernel shares the cores evenly.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICE);
}

impl Drop for EvaluationThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_evaluation_less_runs_on_the_pool_than_inline() {
        for (evaluations, inline, pool) in [(1, 1, 1), (2, 2, 1), (8, 8, 7)] {
            let permits = Permits::new(&Limits { evaluations, ..Limits::default() }).unwrap();
            let available = (permits.inline.available_permits(), permits.pool.available_permits());
            assert_eq!(available, (inline, pool));
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_the_threads_of_the_pool_have_a_low_priority() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        let permits = Permits::new(&Limits::default()).unwrap();
        assert_eq!(permits.spawn(priority).await.unwrap(), NICE);
        assert_eq!(priority(), before);
    }
}
