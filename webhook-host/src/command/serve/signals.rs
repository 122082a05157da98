//! SIGTERM and SIGINT: the first stops in order, the second at once.

use crate::server::Stopper;
use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// Listens from now on, until the runtime ends.
pub(super) fn listen(stopper: Stopper) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        stopper.in_order();
        next().await;
        tracing::info!("stopping at once");
        stopper.at_once();
    });
    Ok(())
}
