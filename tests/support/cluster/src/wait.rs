//! Bounded waiting for a condition of the cluster.

use anyhow::{Context, Result, bail};
use std::time::Duration;
use tokio::time::Instant;

/// The pause between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Polls until `poll` returns a value, and returns it.
///
/// # Errors
///
/// Returns the error of `poll`, or an error once `limit` has passed. Both name `what`.
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
    bail!("timed out after {} s waiting for {what}", limit.as_secs())
}
