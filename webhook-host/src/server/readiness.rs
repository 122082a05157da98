//! The state of the server, which `/readyz` reports.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A state of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// Not ready, for example because the index is not complete.
    Starting,
    /// Ready for requests.
    Ready,
    /// Shutting down. No other state follows.
    Stopping,
}

/// The current state of the server. Clones share it.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<ReadinessState>);

#[derive(Debug)]
struct ReadinessState {
    state: watch::Sender<ServerState>,
    /// What the server waits for, in one line; empty if unknown.
    waiting_for: Mutex<String>,
}

// === impl ServerState ===

impl ServerState {
    /// Returns the state as one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
        }
    }
}

// === impl Readiness ===

impl Readiness {
    /// Returns the readiness of a starting server.
    pub fn new() -> Self {
        let state = watch::Sender::new(ServerState::Starting);
        Self(Arc::new(ReadinessState { state, waiting_for: Mutex::default() }))
    }

    /// Returns the current state.
    pub fn state(&self) -> ServerState {
        *self.0.state.borrow()
    }

    /// Returns what the server waits for, in one line; empty if unknown.
    pub fn waiting_for(&self) -> String {
        self.waiting().clone()
    }

    /// Sets the state to ready, unless the server is stopping.
    pub fn ready(&self) {
        self.waiting().clear();
        self.change(ServerState::Ready);
    }

    /// Sets the state back to starting, unless the server is stopping.
    pub fn not_ready(&self) {
        self.change(ServerState::Starting);
    }

    /// Sets the state back to starting and records what the server waits for, unless the server is stopping.
    pub fn wait_for(&self, what: String) {
        *self.waiting() = what;
        self.not_ready();
    }

    /// Sets the state to stopping.
    pub fn stopping(&self) {
        self.change(ServerState::Stopping);
    }

    /// Returns once the server is in this state.
    pub async fn reached(&self, state: ServerState) {
        // This fails only after the last sender is dropped, and `self` owns one.
        let _ = self.0.state.subscribe().wait_for(|&now| now == state).await;
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, String> {
        self.0.waiting_for.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, to: ServerState) {
        self.0.state.send_if_modified(|state| {
            let changes = *state != ServerState::Stopping && *state != to;
            if changes {
                *state = to;
            }
            changes
        });
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_in_the_state_stopping() {
        let readiness = Readiness::new();
        readiness.ready();
        assert_eq!(readiness.state(), ServerState::Ready);
        readiness.stopping();
        readiness.ready();
        readiness.not_ready();
        assert_eq!(readiness.state(), ServerState::Stopping);
    }
}
