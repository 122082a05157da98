//! The shutdown signal, from the signal handler to every task of the server.

use tokio::sync::watch;

/// The phase of a server's shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ShutdownPhase {
    /// Serve requests.
    Run,
    /// Keep serving, and close each connection with its next response.
    Drain,
    /// Close idle connections, and finish requests in progress.
    Finish,
    /// Drop all connections.
    Immediate,
}

/// Stops a server. Dropping it leaves the server running.
#[derive(Debug)]
pub struct Stopper(watch::Sender<ShutdownPhase>);

/// The receiving side of the shutdown signal. Clones receive the same signal.
#[derive(Clone, Debug)]
pub struct Stop {
    phase: watch::Receiver<ShutdownPhase>,
    sender: watch::Sender<ShutdownPhase>,
}

/// Returns both sides of a shutdown signal.
pub fn stop() -> (Stopper, Stop) {
    let (sender, phase) = watch::channel(ShutdownPhase::Run);
    (Stopper(sender.clone()), Stop { phase, sender })
}

// === impl Stopper ===

impl Stopper {
    /// Starts a graceful shutdown.
    pub fn stop_gracefully(&self) {
        advance(&self.0, ShutdownPhase::Drain);
    }

    /// Starts an immediate shutdown, which drops all connections.
    pub fn stop_now(&self) {
        advance(&self.0, ShutdownPhase::Immediate);
    }
}

// === impl Stop ===

impl Stop {
    /// Returns whether each connection must close with its next response.
    pub fn is_draining(&self) -> bool {
        *self.phase.borrow() >= ShutdownPhase::Drain
    }

    /// Returns once a shutdown, graceful or immediate, has started.
    pub async fn requested(&mut self) {
        self.reached(ShutdownPhase::Drain).await;
    }

    /// Returns once idle connections must close.
    pub(super) async fn finishing(&mut self) {
        self.reached(ShutdownPhase::Finish).await;
    }

    /// Returns once all connections must be dropped.
    pub(super) async fn immediate(&mut self) {
        self.reached(ShutdownPhase::Immediate).await;
    }

    /// Makes idle connections close.
    pub(super) fn finish(&self) {
        advance(&self.sender, ShutdownPhase::Finish);
    }

    async fn reached(&mut self, phase: ShutdownPhase) {
        // This fails only after the last sender is dropped, and `self` owns one.
        let _ = self.phase.wait_for(|&current| current >= phase).await;
    }
}

/// Advances to a later phase, and never goes back.
fn advance(sender: &watch::Sender<ShutdownPhase>, phase: ShutdownPhase) {
    sender.send_if_modified(|current| {
        let is_later = phase > *current;
        *current = phase.max(*current);
        is_later
    });
}
