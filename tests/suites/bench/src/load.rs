//! A load generator: HTTP/1.1 keep-alive over TLS 1.3 like the API server, on connections of its own.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// The number of connections.
pub const CONNECTIONS: usize = 32;

/// A server, and the request to send.
#[derive(Clone)]
pub struct LoadTarget {
    /// The server's address.
    pub address: SocketAddr,
    /// The TLS configuration of the client, which trusts the server's certificate.
    pub tls: Arc<rustls::ClientConfig>,
    /// The body of every request.
    pub body: Bytes,
    /// The path of every request.
    pub path: Arc<str>,
}

/// The path of the mutating webhook.
pub const MUTATE: &str = "/mutate/storage?timeout=10s";

/// One connection to a server.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    body: Bytes,
    path: Arc<str>,
}

// === impl Client ===

impl Client {
    /// Connects, including the TLS handshake.
    pub async fn connect(target: &LoadTarget) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let tls = TlsConnector::from(Arc::clone(&target.tls)).connect(name, stream).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(tls)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, body: target.body.clone(), path: Arc::clone(&target.path) })
    }

    /// Sets the body of the next requests.
    pub fn set_body(&mut self, body: Bytes) {
        self.body = body;
    }

    /// Sends the review once, and returns the answer.
    pub async fn ask(&mut self) -> Result<Bytes> {
        let request = Request::post(&*self.path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(self.body.clone()))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        ensure!(response.status() == 200, "the server answered {}", response.status());
        Ok(response.into_body().collect().await?.to_bytes())
    }
}

/// Returns the requests per second that a server answers when every connection sends its next request at once.
pub async fn closed_loop(target: &LoadTarget, time: Duration) -> Result<f64> {
    let mut clients = JoinSet::new();
    let start = Instant::now();
    for client in connect_all(target).await? {
        clients.spawn(ask_until(client, start + time));
    }
    let mut answered = 0;
    while let Some(count) = clients.join_next().await {
        answered += count??;
    }
    Ok(f64::from(answered) / start.elapsed().as_secs_f64())
}

async fn ask_until(mut client: Client, end: Instant) -> Result<u32> {
    let mut answered = 0;
    while Instant::now() < end {
        client.ask().await?;
        answered += 1;
    }
    Ok(answered)
}

/// The latencies of requests that are sent at a fixed rate, whether or not earlier ones were answered. Each counts from
/// the moment at which the request was due.
#[derive(Default)]
pub struct Latencies(Vec<TimedRequest>);

/// A request and its latency.
#[derive(Clone, Copy)]
struct TimedRequest {
    due: Instant,
    took: Duration,
}

/// Sends requests at a fixed rate. It uses one thread, so that a core is free for the server.
pub fn open_loop(target: &LoadTarget, rate: f64, time: Duration) -> Result<Latencies> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(ask_all(target, rate, time))
}

async fn ask_all(target: &LoadTarget, rate: f64, time: Duration) -> Result<Latencies> {
    let clients = connect_all(target).await?;
    let due = Arc::new(Mutex::new(schedule(rate, time)));
    let mut asking = JoinSet::new();
    for client in clients {
        asking.spawn(ask_when_due(client, Arc::clone(&due)));
    }
    let mut all = Vec::new();
    while let Some(answered) = asking.join_next().await {
        all.append(&mut answered??);
    }
    all.sort_unstable_by_key(|answered| answered.due);
    Ok(Latencies(all))
}

/// Sends the due time of each request at that moment. It uses a thread of its own because tokio's timer has a
/// resolution of a millisecond. If the kernel wakes the thread late, as on a busy machine, the lost time is not the
/// server's, and the missed requests are left out: a burst would not be a steady rate.
fn schedule(rate: f64, time: Duration) -> UnboundedReceiver<Instant> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        // If this fails, the timer is as inexact as in any thread: 50 microseconds.
        let _ = rustix::thread::set_current_timer_slack(Some(NonZeroU64::MIN));
        let (start, step) = (Instant::now(), Duration::from_secs_f64(1.0 / rate));
        let mut due = start;
        while due < start + time && sender.send(Instant::now()).is_ok() {
            due = Instant::now().max(due + step);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    });
    receiver
}

async fn ask_when_due(
    mut client: Client,
    schedule: Arc<Mutex<UnboundedReceiver<Instant>>>,
) -> Result<Vec<TimedRequest>> {
    let mut answered = Vec::new();
    loop {
        let next = schedule.lock().await.recv().await;
        let Some(due) = next else { return Ok(answered) };
        client.ask().await?;
        answered.push(TimedRequest { due, took: due.elapsed() });
    }
}

async fn connect_all(target: &LoadTarget) -> Result<Vec<Client>> {
    let mut clients = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        clients.push(Client::connect(target).await.context("can't connect")?);
    }
    Ok(clients)
}

// === impl Latencies ===

impl Latencies {
    /// Adds the requests of a later time.
    pub fn append(&mut self, mut later: Self) {
        self.0.append(&mut later.0);
    }

    /// Returns the median of all requests, in milliseconds.
    pub fn p50(&self) -> f64 {
        percentile(&self.0, 50)
    }

    /// Returns the p99 of all requests, in milliseconds.
    pub fn p99(&self) -> f64 {
        p99(&self.0)
    }

    /// Returns the p99 of each window of that length, in milliseconds.
    pub fn p99_of_windows(&self, length: Duration) -> Vec<f64> {
        let Some(first) = self.0.first() else { return Vec::new() };
        let window = |answered: &TimedRequest| (answered.due - first.due).as_nanos() / length.as_nanos();
        self.0.chunk_by(|one, next| window(one) == window(next)).map(p99).collect()
    }
}

fn p99(answered: &[TimedRequest]) -> f64 {
    percentile(answered, 99)
}

/// Returns the smallest time that this many of 100 requests do not exceed, in milliseconds.
fn percentile(answered: &[TimedRequest], percent: usize) -> f64 {
    let mut times: Vec<Duration> = answered.iter().map(|answered| answered.took).collect();
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(rank).map_or(f64::NAN, |time| 1e3 * time.as_secs_f64())
}
