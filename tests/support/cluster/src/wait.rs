//! Waiting for what a cluster does in its own time, within bounds.

use anyhow::{Context, Result, bail};
use std::time::Duration;
use tokio::time::Instant;

/// How often one looks.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Looks again and again until there is something to see, and returns it.
///
/// # Errors
///
/// What went wrong while looking, or that nothing was to be seen within the time: both name what was waited for.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut poll: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(value) = poll().await.with_context(|| format!("while waiting for {what}"))? {
            return Ok(value);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    bail!("waited {} s in vain for {what}", limit.as_secs())
}
