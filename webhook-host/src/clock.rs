//! A monotonic clock as an argument, so that tests of time limits do not wait.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A monotonic clock. Clones share the same time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Instant + Send + Sync>);

// === impl Clock ===

impl Clock {
    /// Returns a clock that reads its time from a function. The function's results must never decrease.
    pub fn new(now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the current time.
    pub fn now(&self) -> Instant {
        (self.0)()
    }
}

/// Returns the clock of the operating system.
impl Default for Clock {
    fn default() -> Self {
        Self::new(Instant::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Clock").finish_non_exhaustive()
    }
}
