//! How long the small reviews of a connection take.
//!
//! Their size says little about their cost, and a client that sends expensive ones sends more of them. So the reviews of a
//! connection run on the pool for a while after several were slow, and its neighbours wait for none of them.

use ordinance_engine::Execution;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The CPU time up to which a small review is short. An ordinary one takes a twentieth of it.
const SHORT: Duration = Duration::from_millis(2);

/// The short reviews that make up for a slow one.
const WEIGHT: u32 = 8;

/// On a virtual machine any review may seem slow, because the machine stops for a moment. So only a connection with more than
/// these slow reviews in a row, or nearly so, is slow.
const SLOW_REVIEWS: u32 = 3;

/// The most slowness, so that a connection is no longer slow after some short reviews.
const MAX_SLOWNESS: u32 = 64;

/// The pace of a connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionPace {
    /// [`WEIGHT`] for each slow review, less 1 for each short one.
    slowness: AtomicU32,
}

/// A point of the calling thread's CPU time. What the thread waits for a core does not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuTime(Duration);

// === impl ConnectionPace ===

impl ConnectionPace {
    /// Returns where the next small review runs that may run in the connection's task.
    pub(super) fn execution(&self) -> Execution {
        if self.slowness.load(Ordering::Relaxed) > SLOW_REVIEWS * WEIGHT {
            Execution::ThreadPool
        } else {
            Execution::Inline
        }
    }

    /// Notes the CPU time of a small review.
    pub(super) fn reviewed(&self, time: Duration) {
        let before = self.slowness.load(Ordering::Relaxed);
        let slowness =
            if time > SHORT { (before + WEIGHT).min(MAX_SLOWNESS) } else { before.saturating_sub(1) };
        self.slowness.store(slowness, Ordering::Relaxed);
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

    fn pace_after(times: impl IntoIterator<Item = Duration>) -> Execution {
        let pace = ConnectionPace::default();
        times.into_iter().for_each(|time| pace.reviewed(time));
        pace.execution()
    }

    #[test]
    fn a_slow_review_now_and_then_changes_nothing() {
        let short = [SHORT; WEIGHT as usize];
        assert_eq!(pace_after([2 * SHORT; SLOW_REVIEWS as usize]), Execution::Inline);
        let now_and_then = [&[2 * SHORT], &short[..]].concat().repeat(100);
        assert_eq!(pace_after(now_and_then), Execution::Inline);
    }

    #[test]
    fn reviews_after_several_slow_ones_run_on_the_pool_for_a_while() {
        assert_eq!(pace_after([2 * SHORT; SLOW_REVIEWS as usize + 1]), Execution::ThreadPool);
        let many = [2 * SHORT; 1_000];
        let short = [SHORT; MAX_SLOWNESS as usize];
        assert_eq!(pace_after([&many[..], &short[..20]].concat()), Execution::ThreadPool);
        assert_eq!(pace_after([&many[..], &short].concat()), Execution::Inline);
    }

    #[test]
    fn waiting_takes_no_cpu_time() {
        let start = CpuTime::now();
        std::thread::park_timeout(Duration::from_millis(20));
        assert!(start.elapsed() < Duration::from_millis(10));
    }
}
