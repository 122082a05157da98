//! Whether the server wants traffic: what `/readyz` answers.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A state of the server, as its callers need to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not yet able to answer, e.g. the index is not synced.
    Starting,
    /// Wants traffic.
    Ready,
    /// On its way down; this is final.
    Stopping,
}

/// The state, shared by the one who knows it and the one who publishes it.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: watch::Sender<State>,
    /// What is waited for, in one line; empty if nothing is.
    waits_for: Mutex<String>,
}

// === impl State ===

impl State {
    /// One word.
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
    /// Starting.
    pub fn new() -> Self {
        let state = watch::Sender::new(State::Starting);
        Self(Arc::new(Shared { state, waits_for: Mutex::default() }))
    }

    /// The state now.
    pub fn state(&self) -> State {
        *self.0.state.borrow()
    }

    /// What is waited for, in one line; empty if nothing is, or if nobody said.
    pub fn waits_for(&self) -> String {
        self.told().clone()
    }

    /// Traffic is welcome. Without effect on a server that stops.
    pub fn ready(&self) {
        self.told().clear();
        self.change(State::Ready);
    }

    /// No traffic for now. Without effect on a server that stops.
    pub fn not_ready(&self) {
        self.change(State::Starting);
    }

    /// No traffic until this has come. Without effect on a server that stops.
    pub fn wait_for(&self, what: String) {
        *self.told() = what;
        self.not_ready();
    }

    /// No traffic any more.
    pub fn stopping(&self) {
        self.change(State::Stopping);
    }

    /// Returns once the state is this one.
    pub async fn reached(&self, state: State) {
        // It fails only without a sender, and this holds one.
        let _ = self.0.state.subscribe().wait_for(|&now| now == state).await;
    }

    fn told(&self) -> std::sync::MutexGuard<'_, String> {
        self.0.waits_for.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, to: State) {
        self.0.state.send_if_modified(|state| {
            let changes = *state != State::Stopping && *state != to;
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
    fn stopping_is_final() {
        let readiness = Readiness::new();
        readiness.ready();
        assert_eq!(readiness.state(), State::Ready);
        readiness.stopping();
        readiness.ready();
        readiness.not_ready();
        assert_eq!(readiness.state(), State::Stopping);
    }
}
