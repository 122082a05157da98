//! How long the small reviews of a connection take.
//!
//! Their size says little about their cost, and a client that sends expensive ones sends more of them. So the reviews of a
//! connection run on the pool for a while after one was slow, and its neighbours wait for none of them.

use ordinance_engine::Execution;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The CPU time up to which a small review is short. An ordinary one takes a tenth of it.
const SHORT: Duration = Duration::from_micros(500);

/// The reviews of a connection that run on the pool after a slow one.
const REVIEWS: u32 = 64;

/// The pace of a connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionPace {
    /// The reviews that still run on the pool.
    slow: AtomicU32,
}

/// A point of the calling thread's CPU time. What the thread waits for a core does not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuTime(Duration);

// === impl ConnectionPace ===

impl ConnectionPace {
    /// Returns where the next small review runs that may run in the connection's task.
    pub(super) fn execution(&self) -> Execution {
        if self.slow.load(Ordering::Relaxed) == 0 { Execution::Inline } else { Execution::ThreadPool }
    }

    /// Notes the CPU time of a small review.
    pub(super) fn reviewed(&self, time: Duration) {
        let slow = if time > SHORT { REVIEWS } else { self.slow.load(Ordering::Relaxed).saturating_sub(1) };
        self.slow.store(slow, Ordering::Relaxed);
    }
}

// === impl CpuTime ===

impl CpuTime {
    pub(super) fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        Self(Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default()))
    }

    pub(super) fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_after_a_slow_one_run_on_the_pool_for_a_while() {
        let pace = ConnectionPace::default();
        pace.reviewed(SHORT);
        assert_eq!(pace.execution(), Execution::Inline);
        pace.reviewed(2 * SHORT);
        for _ in 0..REVIEWS {
            assert_eq!(pace.execution(), Execution::ThreadPool);
            pace.reviewed(SHORT);
        }
        assert_eq!(pace.execution(), Execution::Inline);
    }

    #[test]
    fn waiting_takes_no_cpu_time() {
        let start = CpuTime::now();
        std::thread::park_timeout(Duration::from_millis(20));
        assert!(start.elapsed() < Duration::from_millis(10));
    }
}
