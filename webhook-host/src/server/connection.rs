//! One connection: the handshake, and then its requests one after the other.

use super::pace::ConnectionPace;
use super::reply::{self, Reply};
use super::service::{Answer, RequestService};
use super::slots::Slot;
use super::socket::SharedSocket;
use super::stop::Stop;
use super::stream::{Activity, TimedStream};
use crate::limits::Limits;
use crate::metrics::{CloseReason, ListenerLabel, Metrics};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::server::Acceptor;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::{StartHandshake, TlsStream};

/// The smallest read buffer.
const BUFFER: usize = 64 * 1024;
/// At shutdown, the time to notice bytes that have already arrived.
const ARRIVED: Duration = Duration::from_millis(10);
/// At shutdown, how long a new connection stays open for its first request, which its client is about to send.
const FRESH: Duration = Duration::from_secs(1);

/// The state that all connections share.
pub(super) struct SharedState {
    tls: Arc<ServerConfig>,
    pub(super) limits: Arc<Limits>,
    pub(super) metrics: Arc<Metrics>,
    handshakes: Semaphore,
    service: RequestService,
}

/// An accepted connection.
pub(super) struct OpenConnection {
    socket: SharedSocket,
    activity: Activity,
    slot: Slot,
    accepted: Instant,
    /// Whether a response was sent before the request's body had arrived.
    is_cut_short: AtomicBool,
    pace: ConnectionPace,
}

// === impl OpenConnection ===

impl OpenConnection {
    pub(super) fn new(socket: SharedSocket, activity: Activity, slot: Slot) -> Self {
        let (is_cut_short, pace) = (AtomicBool::new(false), ConnectionPace::default());
        Self { socket, activity, slot, accepted: Instant::now(), is_cut_short, pace }
    }

    /// Serves the connection until it ends.
    pub(super) async fn serve(self, shared: Arc<SharedState>, stop: Stop) {
        match self.handshake(&shared).await {
            Some(stream) => {
                let ended = self.requests(stream, &shared, stop).await;
                self.linger(&ended, &shared.limits).await;
            }
            None if self.activity.is_evicted() => {}
            None => drop(shared.metrics.connections.handshakes_failed.inc()),
        }
    }

    /// Performs the handshake. Its time limit includes the wait for the ClientHello and for a turn.
    async fn handshake(&self, shared: &SharedState) -> Option<TlsStream<SharedSocket>> {
        let handshake = async {
            self.socket.send_at_once()?;
            let hello = LazyConfigAcceptor::new(Acceptor::default(), self.socket.clone()).await?;
            self.slot.handshake_started();
            let place = self.slot.enter_queue().await?;
            shared.accept(hello, place).await
        };
        let accepted = timeout(shared.limits.handshake_time, handshake).await.ok()?;
        accepted.inspect_err(|error| tracing::debug!(%error, "the TLS handshake failed")).ok()
    }

    async fn requests(
        &self,
        stream: TlsStream<SharedSocket>,
        shared: &SharedState,
        mut stop: Stop,
    ) -> hyper::Result<()> {
        let Limits { head_time, answer_time, first_request_time, .. } = *shared.limits;
        let io = TokioIo::new(TimedStream::new(stream, self.activity.clone(), head_time, answer_time));
        let service = service_fn(|request| self.reply(&shared.service, request));
        let mut connection = pin!(builder(&shared.limits).serve_connection(io, service));
        let fresh_until = Instant::now() + FRESH;
        let last_call = async {
            stop.finishing().await;
            sleep(ARRIVED).await;
            if self.activity.is_fresh() {
                sleep_until(fresh_until).await;
            }
        };
        tokio::select! {
            biased;
            // An error on this connection concerns only its client.
            ended = connection.as_mut() => return ended,
            () = last_call => {}
            () = self.unused_until(self.accepted + first_request_time) => {
                let metrics = shared.metrics.connections.of_listener(ListenerLabel::Https);
                metrics.closed(CloseReason::FirstRequestTime);
            }
        }
        // A busy connection ends after its next response, which carries `Connection: close`.
        if self.activity.is_idle() {
            connection.as_mut().graceful_shutdown();
        }
        connection.await
    }

    /// Returns at that time if no byte of a request has arrived until then, otherwise never.
    async fn unused_until(&self, end: Instant) {
        sleep_until(end).await;
        if !self.activity.is_fresh() {
            std::future::pending().await
        }
    }

    async fn reply(&self, service: &RequestService, request: Request<Incoming>) -> Result<Reply, Infallible> {
        self.activity.request_received();
        let Answer { reply, is_body_read } = service.reply(request, &self.pace).await;
        if reply.status() == StatusCode::OK && !reply::is_closing(&reply) {
            self.slot.keep();
        }
        if !is_body_read {
            self.is_cut_short.store(true, Ordering::Relaxed);
        }
        self.activity.response_sent();
        Ok(reply)
    }

    /// Drops what the client still sends after the last response, so that the response reaches it.
    async fn linger(&self, ended: &hyper::Result<()>, limits: &Limits) {
        // hyper itself answers a head that it can't parse.
        let is_answered = match ended {
            Ok(()) => self.socket.has_unread(),
            Err(error) => error.is_parse(),
        };
        if is_answered || self.is_cut_short.load(Ordering::Relaxed) {
            self.activity.lingering();
            self.socket.linger(limits.linger_bytes, limits.linger_time).await;
        }
    }
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // This limits the idle time of a connection. `TimedStream` limits the time of a head.
        .header_read_timeout(limits.idle_time)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes.max(BUFFER))
        .max_headers(limits.head_fields)
        .half_close(true);
    builder
}

// === impl SharedState ===

impl SharedState {
    pub(super) fn new(
        tls: Arc<ServerConfig>,
        limits: Arc<Limits>,
        metrics: Arc<Metrics>,
        service: RequestService,
    ) -> Self {
        let handshakes = Semaphore::new(limits.handshakes.min(Semaphore::MAX_PERMITS));
        Self { tls, limits, metrics, handshakes, service }
    }

    /// Answers a ClientHello and completes the handshake. A turn is for the key exchange and the signature only: a client that
    /// does not answer holds none.
    async fn accept(
        &self,
        hello: StartHandshake<SharedSocket>,
        place: SemaphorePermit<'_>,
    ) -> io::Result<TlsStream<SharedSocket>> {
        let turn = self.handshakes.acquire().await.map_err(io::Error::other)?;
        let answered = hello.into_stream(Arc::clone(&self.tls));
        drop((turn, place));
        answered.await
    }
}
