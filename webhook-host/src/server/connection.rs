//! One connection: the handshake, then its requests one after the other until it ends.

use super::reply::Reply;
use super::service::Service;
use super::stream::{Activity, Timed};
use super::{Shared, Stop};
use crate::limits::Limits;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::server::TlsStream;

/// Bytes that are read at once, at most.
const BUFFER: usize = 64 * 1024;
/// At the end of a server: the time for what has arrived to be noticed.
const ARRIVED: Duration = Duration::from_millis(10);
/// How long a new connection is kept for its first request: who opens one is about to use it.
const FRESH: Duration = Duration::from_secs(1);

/// Serves a connection until it ends.
pub(super) async fn serve(socket: TcpStream, shared: Arc<Shared>, stop: Stop) {
    match handshake(socket, &shared).await {
        Some(stream) => requests(stream, &shared, stop).await,
        None => drop(shared.metrics.connections.handshakes_failed.inc()),
    }
}

/// The handshake; the wait for a turn counts as part of its time.
async fn handshake(socket: TcpStream, shared: &Shared) -> Option<TlsStream<TcpStream>> {
    // Without it the last packet of an answer waits for the client's acknowledgement. A socket that refuses is gone.
    socket.set_nodelay(true).ok()?;
    let shaking = async {
        let _turn = shared.handshakes.acquire().await.ok()?;
        shared.tls.accept(socket).await.inspect_err(|error| tracing::debug!(%error, "no TLS handshake")).ok()
    };
    timeout(shared.limits.handshake_time, shaking).await.ok().flatten()
}

async fn requests(stream: TlsStream<TcpStream>, shared: &Shared, mut stop: Stop) {
    let activity = Activity::default();
    let io = TokioIo::new(Timed::new(stream, activity.clone(), &shared.limits));
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
        // Whatever ended it concerns the client alone.
        _ = connection.as_mut() => return,
        () = last_call => {}
    }
    // One that is not idle ends by itself after its answer, which says so.
    if activity.is_idle() {
        connection.as_mut().graceful_shutdown();
    }
    let _ = connection.await;
}

async fn reply(
    service: &Service,
    activity: &Activity,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    activity.request();
    let reply = service.reply(request).await;
    activity.answered();
    Ok(reply)
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // This is the time that a connection may be idle; the head has a time of its own in `Timed`.
        .header_read_timeout(limits.idle_time)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes.max(BUFFER))
        .max_headers(limits.head_fields)
        .half_close(true);
    builder
}
