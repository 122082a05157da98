//! Waiting for another process, within bounds.

use anyhow::Result;
use std::time::{Duration, Instant};

/// How often one looks.
const LOOK: Duration = Duration::from_millis(10);

/// Looks again and again until there is something to see; none if that took too long.
pub fn until<T>(limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(seen) = look()? {
            return Ok(Some(seen));
        }
        std::thread::sleep(LOOK);
    }
    Ok(None)
}
