//! The second listener: `/livez`, `/readyz` and `/metrics`, in plain HTTP, on a thread of its own.
//!
//! So health is answered however busy the policies are. Liveness depends on nothing.

use super::readiness::{Readiness, State};
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

/// Connections at once: a kubelet and a few scrapers.
const CONNECTIONS: usize = 64;
/// A head, or an idle connection.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// How long a connection may be used.
const CONNECTION_TIME: Duration = Duration::from_secs(600);
/// The pause after an accept that failed.
const PAUSE: Duration = Duration::from_millis(100);

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The listener's thread; dropping it ends that.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What is told.
struct Told {
    readiness: Readiness,
    metrics: Arc<Metrics>,
}

// === impl Admin ===

impl Admin {
    /// Serves on a bound listener from now on.
    ///
    /// # Errors
    ///
    /// The system has no resources for the thread, or the listener is not usable.
    pub fn start(listener: TcpListener, readiness: Readiness, metrics: Arc<Metrics>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let told = Arc::new(Told { readiness, metrics });
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, told) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, told: Arc<Told>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                // One too many is closed.
                if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                    tokio::spawn(serve(socket, Arc::clone(&told), slot));
                }
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn serve(socket: TcpStream, told: Arc<Told>, slot: OwnedSemaphorePermit) {
    let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&request, &told))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(socket), service);
    // Whatever ends it concerns the client alone.
    let _ = tokio::time::timeout(CONNECTION_TIME, connection).await;
    drop(slot);
}

fn answer(request: &Request<Incoming>, told: &Told) -> Reply {
    let reply = match request.uri().path() {
        "/livez" => reply::text(StatusCode::OK, "ok"),
        "/readyz" => ready(&told.readiness),
        "/metrics" => reply::whole(StatusCode::OK, OPEN_METRICS, told.metrics.text().into_bytes()),
        _ => return reply::text(StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics"),
    };
    if matches!(*request.method(), Method::GET | Method::HEAD) { reply } else { reply::only("GET") }
}

fn ready(readiness: &Readiness) -> Reply {
    let (state, waits_for) = (readiness.state(), readiness.waits_for());
    match state {
        State::Ready => reply::text(StatusCode::OK, state.as_str()),
        State::Starting if !waits_for.is_empty() => {
            reply::text(StatusCode::SERVICE_UNAVAILABLE, format!("waiting: {waits_for}"))
        }
        State::Starting | State::Stopping => reply::text(StatusCode::SERVICE_UNAVAILABLE, state.as_str()),
    }
}
