//! The second listener: `/livez`, `/readyz` and `/metrics`, in plain HTTP.
//!
//! It runs on a thread of its own, so that busy policies don't delay health checks. Liveness depends on no other part.

use super::readiness::{Readiness, ServerState};
use super::reply::{self, Reply};
use crate::metrics::Metrics;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Concurrent connections: those of a kubelet and a few scrapers.
const CONNECTIONS: usize = 64;
/// The time for a request's head, and for an idle connection.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// The lifetime of a connection.
const CONNECTION_TIME: Duration = Duration::from_secs(600);
/// The pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(100);

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The admin listener with its thread. Dropping it ends both.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The state that the listener reports.
struct AdminState {
    readiness: Readiness,
    metrics: Arc<Metrics>,
}

// === impl Admin ===

impl Admin {
    /// Starts serving on a bound listener.
    ///
    /// # Errors
    ///
    /// The system has no resources for the thread, or the listener can't be used.
    pub fn start(listener: TcpListener, readiness: Readiness, metrics: Arc<Metrics>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let status = Arc::new(AdminState { readiness, metrics });
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, status) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The panic hook has already reported a panic of this thread.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, status: Arc<AdminState>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                // Without a free slot the connection is closed.
                if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                    tokio::spawn(serve(socket, Arc::clone(&status), slot));
                }
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn serve(socket: TcpStream, status: Arc<AdminState>, slot: OwnedSemaphorePermit) {
    let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&request, &status))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(socket), service);
    // An error on this connection concerns only its client.
    let _ = tokio::time::timeout(CONNECTION_TIME, connection).await;
    drop(slot);
}

fn answer(request: &Request<Incoming>, status: &AdminState) -> Reply {
    let reply = match request.uri().path() {
        "/livez" => reply::text(StatusCode::OK, "ok"),
        "/readyz" => ready(&status.readiness),
        "/metrics" => reply::with_body(StatusCode::OK, OPEN_METRICS, status.metrics.text().into_bytes()),
        _ => {
            return reply::text(
                StatusCode::NOT_FOUND,
                "not found; the paths are /livez, /readyz and /metrics",
            );
        }
    };
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        reply
    } else {
        reply::method_not_allowed("GET")
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
