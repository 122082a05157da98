//! Keeps `/readyz` in step with the index, and tells once that the server is ready.

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
/// at once.
pub(super) async fn attend(
    freshness: Option<&Freshness>,
    readiness: &Readiness,
    tell: impl FnOnce() -> Result<(), Fault>,
) -> Fault {
    let (mut tell, mut said) = (Some(tell), None);
    loop {
        match freshness.and_then(Freshness::waits_for) {
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
        let _ = tokio::time::timeout(LOOK, freshness.changed()).await;
    }
}

fn wait_for(readiness: &Readiness, what: String, said: &mut Option<Instant>) {
    if said.is_none_or(|said| said.elapsed() >= SAY) && readiness.state() != State::Stopping {
        tracing::info!("waiting: {what}");
        *said = Some(Instant::now());
    }
    readiness.wait_for(what);
}
