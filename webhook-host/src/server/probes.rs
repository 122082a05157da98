//! The listener for health checks: `/livez` and `/readyz`. Liveness depends on no other part of the process.

use super::plain::PlainListener;
use super::readiness::{Readiness, ServerState};
use super::reply::{self, Reply};
use crate::metrics::{ListenerLabel, Metrics};
use hyper::StatusCode;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// The listener for health checks with its thread. Dropping it ends both.
#[derive(Debug)]
pub struct ProbeListener(PlainListener);

// === impl ProbeListener ===

impl ProbeListener {
    /// Starts serving on a bound listener.
    ///
    /// # Errors
    ///
    /// The system has no resources for the thread, or the listener can't be used.
    pub fn start(listener: TcpListener, readiness: Readiness, metrics: &Metrics) -> io::Result<Self> {
        let answers = move |request: &hyper::Request<_>| answer(request.uri().path(), &readiness);
        PlainListener::start(listener, ListenerLabel::Probes, metrics, answers).map(Self)
    }

    /// Returns the address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

fn answer(path: &str, readiness: &Readiness) -> Reply {
    match path {
        "/livez" => reply::text(StatusCode::OK, "ok"),
        "/readyz" => ready(readiness),
        "/metrics" => {
            reply::text(StatusCode::NOT_FOUND, "not found; the address of metricsListen has /metrics")
        }
        _ => reply::text(StatusCode::NOT_FOUND, "not found; the paths are /livez and /readyz"),
    }
}

fn ready(readiness: &Readiness) -> Reply {
    let (state, waiting_for) = (readiness.state(), readiness.waiting_for());
    match state {
        ServerState::Ready => reply::text(StatusCode::OK, state.as_str()),
        ServerState::Starting if !waiting_for.is_empty() => {
            reply::text(StatusCode::SERVICE_UNAVAILABLE, format!("waiting: {waiting_for}"))
        }
        ServerState::Starting | ServerState::Stopping => {
            reply::text(StatusCode::SERVICE_UNAVAILABLE, state.as_str())
        }
    }
}
