//! Keeps `/readyz` in step with the index, and tells once that the server is ready.

use super::issuing::Issuing;
use crate::cluster::Freshness;
use crate::config::Fault;
use crate::server::{Readiness, State};
use std::future::pending;
use std::time::{Duration, Instant};

/// How often is looked for staleness, which comes by itself.
const LOOK: Duration = Duration::from_secs(1);

/// How often is said what is waited for.
const SAY: Duration = Duration::from_secs(10);

/// Never ends, but for a fault of `tell`, which is called the first time that the server is ready. Without a cluster it is
/// at once. Whether its certificate is trusted is asked only until then: nobody who edits what is trusted shall take all
/// replicas down at once.
pub(super) async fn attend(
    freshness: Option<&Freshness>,
    issuing: Option<&Issuing>,
    readiness: &Readiness,
    tell: impl FnOnce() -> Result<(), Fault>,
) -> Fault {
    let (mut tell, mut said) = (Some(tell), None);
    loop {
        let untrusted = issuing.filter(|_| tell.is_some()).and_then(Issuing::waits_for);
        match untrusted.or_else(|| freshness.and_then(Freshness::waits_for)) {
            Some(what) => wait_for(readiness, what, &mut said),
            None => {
                readiness.ready();
                said = None;
                if let Some(Err(fault)) = tell.take().map(|tell| tell()) {
                    return fault;
                }
            }
        }
        let Some(freshness) = freshness else { return pending().await };
        // Whether it changed or not: what counts is looked at.
        let _ = tokio::time::timeout(LOOK, changed(freshness, issuing.filter(|_| tell.is_some()))).await;
    }
}

async fn changed(freshness: &Freshness, issuing: Option<&Issuing>) {
    match issuing {
        Some(issuing) => tokio::select! {
            () = freshness.changed() => {}
            () = issuing.changed() => {}
        },
        None => freshness.changed().await,
    }
}

fn wait_for(readiness: &Readiness, what: String, said: &mut Option<Instant>) {
    if said.is_none_or(|said| said.elapsed() >= SAY) && readiness.state() != State::Stopping {
        tracing::info!("waiting: {what}");
        *said = Some(Instant::now());
    }
    readiness.wait_for(what);
}
