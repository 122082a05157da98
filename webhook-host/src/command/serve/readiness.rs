//! Keeps the state for `/readyz` up to date, and reports once that the server is ready.

use super::issuer::RunningIssuer;
use crate::cluster::WatchSet;
use crate::config::InputError;
use crate::server::{Readiness, ServerState};
use std::future::pending;
use std::time::{Duration, Instant};

/// How often to check for staleness, because a watch that becomes stale wakes no task.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How often to log what the server waits for.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Runs until `on_ready` fails, which is called the first time that the server is ready. A server without a cluster is
/// ready at once.
///
/// Trust in the certificate counts only until then. Otherwise one edit of a webhook configuration would make all replicas
/// unready at the same time.
pub(super) async fn maintain(
    watches: Option<&WatchSet>,
    issuer: Option<&RunningIssuer>,
    readiness: &Readiness,
    on_ready: impl FnOnce() -> Result<(), InputError>,
) -> InputError {
    let (mut on_ready, mut last_log) = (Some(on_ready), None);
    loop {
        let untrusted = issuer.filter(|_| on_ready.is_some()).and_then(RunningIssuer::waiting_for);
        match untrusted.or_else(|| watches.and_then(WatchSet::waiting_for)) {
            Some(what) => wait_for(readiness, what, &mut last_log),
            None => {
                readiness.ready();
                last_log = None;
                if let Some(Err(error)) = on_ready.take().map(|on_ready| on_ready()) {
                    return error;
                }
            }
        }
        let Some(watches) = watches else { return pending().await };
        // The next round checks the state, whether it changed or the time is up.
        let _ = tokio::time::timeout(CHECK_INTERVAL, changed(watches, issuer.filter(|_| on_ready.is_some())))
            .await;
    }
}

async fn changed(watches: &WatchSet, issuer: Option<&RunningIssuer>) {
    match issuer {
        Some(issuer) => tokio::select! {
            () = watches.changed() => {}
            () = issuer.changed() => {}
        },
        None => watches.changed().await,
    }
}

fn wait_for(readiness: &Readiness, what: String, last_log: &mut Option<Instant>) {
    if last_log.is_none_or(|last| last.elapsed() >= LOG_INTERVAL)
        && readiness.state() != ServerState::Stopping
    {
        tracing::info!("waiting: {what}");
        *last_log = Some(Instant::now());
    }
    readiness.wait_for(what);
}
