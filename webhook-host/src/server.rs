//! The TLS server that the API server asks for verdicts: HTTP/1.1, every limit of [`Limits`], and an orderly stop.
//!
//! [`Server::run`] takes its listener and its orders to stop as arguments; [`Admin`] is the second listener. The
//! server never closes a connection on which a request may be on its way, as the API server sends none again.

mod accept;
mod admin;
mod body;
mod connection;
mod deadline;
mod evaluation;
mod readiness;
mod reply;
mod routes;
mod service;
mod slots;
mod stop;
mod stream;
mod turns;

pub use admin::Admin;
pub use readiness::{Readiness, State};
pub use routes::{Route, Routes};
pub use stop::{Stop, Stopper, stop};

use crate::limits::Limits;
use crate::metrics::Metrics;
use rustls::ServerConfig;
use service::Service;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// What a server serves, and within which limits.
#[derive(Debug)]
pub struct Server {
    /// How handshakes go; certificates change inside it.
    pub tls: Arc<ServerConfig>,
    /// The policies.
    pub routes: Routes,
    /// The caps.
    pub limits: Arc<Limits>,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
    /// Turned to stopping by the server; to ready by the caller, who knows when that is.
    pub readiness: Readiness,
}

/// What all connections share.
struct Shared {
    tls: TlsAcceptor,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
    handshakes: Semaphore,
    service: Service,
}

// === impl Server ===

impl Server {
    /// Serves until it has stopped as ordered: at an order to stop in order it turns unready, goes on for
    /// [`Limits::drain_delay`] with answers that end their connection, accepts no more, closes what is idle, and
    /// waits at most [`Limits::drain_time`] for the rest. An order to stop at once drops everything.
    ///
    /// Must run on a runtime of several threads with time and IO, one thread for each of [`Limits::evaluations`].
    ///
    /// # Errors
    ///
    /// The system has no resources for the pool of threads.
    pub async fn run(self, listener: TcpListener, stop: Stop) -> io::Result<()> {
        let service = Service::new(&self, stop.clone())?;
        let Self { tls, limits, metrics, readiness, .. } = self;
        let handshakes = Semaphore::new(limits.handshakes.min(Semaphore::MAX_PERMITS));
        let shared = Arc::new(Shared { tls: tls.into(), limits, metrics, handshakes, service });
        accept::run(listener, shared, readiness, stop).await;
        Ok(())
    }
}
