//! SIGTERM and SIGINT: the first one stops the server gracefully, the second one at once.

use crate::server::Stopper;
use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// Handles signals until the runtime ends.
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
        stopper.stop_gracefully();
        next().await;
        tracing::info!("stopping at once");
        stopper.stop_now();
    });
    Ok(())
}
