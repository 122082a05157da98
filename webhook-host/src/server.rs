//! The TLS server that answers the API server: HTTP/1.1, every limit of [`Limits`], and a graceful shutdown.
//!
//! [`WebhookServer::run`] takes its listener and its shutdown signal as arguments; [`ProbeListener`] and [`MetricsListener`] are
//! listeners of their own. The server never closes a connection on which a request may be in flight, because the API server does
//! not retry a POST.

mod accept;
mod body;
mod body_memory;
mod callers;
mod connection;
mod deadline;
mod evaluation;
mod pace;
mod permits;
mod plain;
mod probes;
mod readiness;
mod recording;
mod reply;
mod routes;
mod scrapes;
mod service;
mod slots;
mod socket;
mod stop;
mod stream;

pub use callers::Callers;
pub use plain::{PLAIN_CONNECTION_TIME, PLAIN_CONNECTIONS, PLAIN_CONNECTIONS_PER_ADDRESS, PLAIN_HEAD_TIME};
pub use probes::ProbeListener;
pub use readiness::{Readiness, ServerState};
pub use recording::{REVIEWS_PATH, RecordingListener};
pub use routes::{PolicyRoute, Routes};
pub use scrapes::MetricsListener;
pub use stop::{Stop, Stopper, stop};

use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::recording::Recorder;
use connection::SharedState;
use rustls::ServerConfig;
use service::RequestService;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The parts of a server that is not running yet.
#[derive(Debug)]
pub struct WebhookServer {
    /// The TLS configuration, which resolves the current certificate for each handshake.
    pub tls: Arc<ServerConfig>,
    /// The served policies.
    pub routes: Routes,
    /// The callers whose requests are answered.
    pub callers: Callers,
    /// The limits of connections, requests and evaluations.
    pub limits: Arc<Limits>,
    /// The metrics of the process.
    pub metrics: Arc<Metrics>,
    /// Where reviews are kept, if they are.
    pub recorder: Option<Recorder>,
    /// The state for `/readyz`. The caller sets it to ready, the server to stopping.
    pub readiness: Readiness,
}

// === impl WebhookServer ===

impl WebhookServer {
    /// Serves until it is stopped. A graceful stop sets the state to stopping, keeps serving for [`Limits::drain_delay`]
    /// with responses that close their connection, stops accepting, closes idle connections, and waits at most
    /// [`Limits::drain_time`] for the rest. An immediate stop drops all connections.
    ///
    /// Must run on a multi-threaded tokio runtime with time and I/O, with [`Limits::evaluations`] worker threads.
    ///
    /// # Errors
    ///
    /// The system has no resources for the pool of threads.
    pub async fn run(self, listener: TcpListener, stop: Stop) -> io::Result<()> {
        let Self { tls, routes, callers, limits, metrics, recorder, readiness } = self;
        let service = RequestService::new(routes, callers, &limits, &metrics, recorder, stop.clone())?;
        let shared = Arc::new(SharedState::new(tls, limits, metrics, service));
        accept::run(listener, shared, readiness, stop).await;
        Ok(())
    }
}
