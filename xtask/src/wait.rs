//! Bounded waiting for another process.

use anyhow::Result;
use std::time::{Duration, Instant};

/// The pause between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Polls until `poll` returns a value; returns `None` once `limit` has passed.
pub fn until<T>(limit: Duration, mut poll: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(value) = poll()? {
            return Ok(Some(value));
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(None)
}
