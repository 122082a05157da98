//! One connection: the handshake, and then its requests one after the other.

use super::reply::Reply;
use super::service::RequestService;
use super::stop::Stop;
use super::stream::{Activity, TimedStream};
use crate::limits::Limits;
use crate::metrics::Metrics;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The smallest read buffer.
const BUFFER: usize = 64 * 1024;
/// At shutdown, the time to notice bytes that have already arrived.
const ARRIVED: Duration = Duration::from_millis(10);
/// At shutdown, how long a new connection stays open for its first request, which its client is about to send.
const FRESH: Duration = Duration::from_secs(1);

/// The state that all connections share.
pub(super) struct SharedState {
    tls: TlsAcceptor,
    pub(super) limits: Arc<Limits>,
    pub(super) metrics: Arc<Metrics>,
    handshakes: Semaphore,
    service: RequestService,
}

/// Serves a connection until it ends.
pub(super) async fn serve(socket: TcpStream, shared: Arc<SharedState>, stop: Stop) {
    match handshake(socket, &shared).await {
        Some(stream) => requests(stream, &shared, stop).await,
        None => drop(shared.metrics.connections.handshakes_failed.inc()),
    }
}

/// Performs the handshake. Its time limit includes the wait for a permit.
async fn handshake(socket: TcpStream, shared: &SharedState) -> Option<TlsStream<TcpStream>> {
    // Otherwise the last packet of a response waits for the client's acknowledgement. This fails only on a closed socket.
    socket.set_nodelay(true).ok()?;
    let handshake = async {
        let _permit = shared.handshakes.acquire().await.ok()?;
        let accepted = shared.tls.accept(socket).await;
        accepted.inspect_err(|error| tracing::debug!(%error, "the TLS handshake failed")).ok()
    };
    timeout(shared.limits.handshake_time, handshake).await.ok().flatten()
}

async fn requests(stream: TlsStream<TcpStream>, shared: &SharedState, mut stop: Stop) {
    let activity = Activity::default();
    let io = TokioIo::new(TimedStream::new(stream, activity.clone(), &shared.limits));
    let service = service_fn(|request| reply(&shared.service, &activity, request));
    let mut connection = pin!(builder(&shared.limits).serve_connection(io, service));
    let fresh_until = Instant::now() + FRESH;
    let last_call = async {
        stop.finishing().await;
        sleep(ARRIVED).await;
        if activity.is_fresh() {
            sleep_until(fresh_until).await;
        }
    };
    tokio::select! {
        biased;
        // An error on this connection concerns only its client.
        _ = connection.as_mut() => return,
        () = last_call => {}
    }
    // A busy connection ends after its next response, which carries `Connection: close`.
    if activity.is_idle() {
        connection.as_mut().graceful_shutdown();
    }
    let _ = connection.await;
}

async fn reply(
    service: &RequestService,
    activity: &Activity,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    activity.request_received();
    let reply = service.reply(request).await;
    activity.response_sent();
    Ok(reply)
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
        Self { tls: tls.into(), limits, metrics, handshakes, service }
    }
}
