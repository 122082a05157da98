//! Listeners in plain HTTP for health checks and metrics.
//!
//! Each runs on a thread of its own, so that neither busy policies nor the clients of another listener delay it. A connection
//! carries one request. Clients that send nothing lose their connections first.

use super::reply::{self, Reply};
use super::slots::{Slot, SlotLimits, Slots};
use super::socket::SharedSocket;
use super::stream::{Activity, TimedStream};
use crate::metrics::{CloseReason, ListenerLabel, ListenerMetrics, Metrics};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::counter::Counter;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Concurrent connections of a plain listener: those of a kubelet or of a few scrapers.
pub const PLAIN_CONNECTIONS: usize = 64;
/// Concurrent connections of a plain listener from one address.
pub const PLAIN_CONNECTIONS_PER_ADDRESS: usize = 16;
/// The time from the start of a connection to the end of its request's head.
pub const PLAIN_HEAD_TIME: Duration = Duration::from_secs(2);
/// The lifetime of a connection.
pub const PLAIN_CONNECTION_TIME: Duration = Duration::from_secs(20);
/// How long a client may read nothing of its response.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// The pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(100);

/// A plain listener with its thread. Dropping it ends both.
#[derive(Debug)]
pub(super) struct PlainListener {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The function that answers the requests of a listener.
type Answers = Box<dyn Fn(&Request<Incoming>) -> Reply + Send + Sync>;

/// The state that all connections of a listener share.
struct PlainState {
    answers: Answers,
    slots: Arc<Slots>,
    metrics: ListenerMetrics,
    accepts_failed: Counter,
}

// === impl PlainListener ===

impl PlainListener {
    /// Starts serving GET and HEAD on a bound listener.
    ///
    /// # Errors
    ///
    /// The system has no resources for the thread, or the listener can't be used.
    pub(super) fn start(
        listener: TcpListener,
        label: ListenerLabel,
        metrics: &Metrics,
        answers: impl Fn(&Request<Incoming>) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let state = Arc::new(PlainState::new(label, metrics, Box::new(answers)));
        let thread = std::thread::Builder::new().name(format!("{label:?}")).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = state.accept(listener) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for PlainListener {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The panic hook has already reported a panic of this thread.
            let _ = thread.join();
        }
    }
}

// === impl PlainState ===

impl PlainState {
    fn new(label: ListenerLabel, metrics: &Metrics, answers: Answers) -> Self {
        let limits = SlotLimits {
            total: PLAIN_CONNECTIONS,
            per_address: PLAIN_CONNECTIONS_PER_ADDRESS,
            waiting_per_address: usize::MAX,
            handshakes: 1,
            head_patience: Duration::ZERO,
        };
        let of_listener = metrics.connections.of_listener(label);
        Self {
            answers,
            slots: Slots::new(limits, of_listener.clone()),
            metrics: of_listener,
            accepts_failed: metrics.connections.accepts_failed.clone(),
        }
    }

    async fn accept(self: Arc<Self>, listener: tokio::net::TcpListener) {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    let (socket, activity) = (SharedSocket::new(socket), Activity::default());
                    // Without a slot the connection is closed.
                    if let Some(slot) = self.slots.take_soon(peer.ip(), &socket, &activity).await {
                        tokio::spawn(Arc::clone(&self).serve(socket, activity, slot));
                    }
                }
                Err(_) => {
                    self.accepts_failed.inc();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, socket: SharedSocket, activity: Activity, slot: Slot) {
        let service = service_fn(|request| {
            activity.request_received();
            std::future::ready(Ok::<_, Infallible>(self.answer(&request)))
        });
        // hyper limits the time of the head, which begins with the connection.
        let stream = TimedStream::new(socket, activity.clone(), PLAIN_CONNECTION_TIME, ANSWER_TIME);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PLAIN_HEAD_TIME)
            .keep_alive(false)
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        // Other errors on this connection concern only its client.
        if let Ok(Err(error)) = tokio::time::timeout(PLAIN_CONNECTION_TIME, connection).await
            && error.is_timeout()
        {
            self.metrics.closed(CloseReason::FirstRequestTime);
        }
        drop(slot);
    }

    fn answer(&self, request: &Request<Incoming>) -> Reply {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            (self.answers)(request)
        } else {
            reply::method_not_allowed("GET")
        }
    }
}
