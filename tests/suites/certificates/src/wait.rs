//! Bounded waiting for a condition.

use anyhow::Result;
use std::time::{Duration, Instant};

/// The interval between two checks of a condition.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// The longest wait.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Checks a condition until it returns a value.
///
/// # Errors
///
/// If it returns none within a minute.
pub async fn until<T>(mut check: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        if let Some(value) = check().await {
            return Ok(value);
        }
        tokio::time::sleep(CHECK_INTERVAL).await;
    }
    anyhow::bail!("not within {} s", LIMIT.as_secs())
}
