//! A load generator: TLS 1.3, HTTP/1.1 keep-alive, as the API server speaks, on connections of its own.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Connections at once.
pub const CONNECTIONS: usize = 32;

/// Which server, and what it is asked.
#[derive(Clone)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whom to trust.
    pub tls: Arc<rustls::ClientConfig>,
    /// The body of every request.
    pub body: Bytes,
}

/// One connection to a server.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    body: Bytes,
}

// === impl Client ===

impl Client {
    /// Connects and shakes hands.
    pub async fn connect(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let tls = TlsConnector::from(Arc::clone(&target.tls)).connect(name, stream).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(tls)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, body: target.body.clone() })
    }

    /// Sends the review once, and reads the answer.
    pub async fn ask(&mut self) -> Result<Bytes> {
        let request = Request::post("/mutate/storage?timeout=10s")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(self.body.clone()))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        ensure!(response.status() == 200, "the server answered {}", response.status());
        Ok(response.into_body().collect().await?.to_bytes())
    }
}

/// Requests a second that a server answers when every connection asks again at once.
pub async fn closed_loop(target: &Target, time: Duration) -> Result<f64> {
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

/// Latencies in microseconds when requests come at a fixed rate, whether or not earlier ones are answered; each is
/// counted from the moment at which it was due.
pub async fn open_loop(target: &Target, rate: f64, time: Duration) -> Result<Histogram<u64>> {
    let clients = connect_all(target).await?;
    let due = Arc::new(Mutex::new(schedule(rate, time)));
    let mut asking = JoinSet::new();
    for client in clients {
        asking.spawn(ask_when_due(client, Arc::clone(&due)));
    }
    let mut all = Histogram::new(3)?;
    while let Some(histogram) = asking.join_next().await {
        all.add(histogram??)?;
    }
    Ok(all)
}

/// Says when each request is due, at that moment: from a thread of its own, since the runtime's timer has a grain of a
/// millisecond. If this thread is woken late, as on a busy machine, the time that it lost is not the server's.
fn schedule(rate: f64, time: Duration) -> UnboundedReceiver<Instant> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let (start, step) = (Instant::now(), Duration::from_secs_f64(1.0 / rate));
        let mut due = start;
        while due < start + time && sender.send(Instant::now()).is_ok() {
            due += step;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    });
    receiver
}

async fn ask_when_due(
    mut client: Client,
    schedule: Arc<Mutex<UnboundedReceiver<Instant>>>,
) -> Result<Histogram<u64>> {
    let mut histogram = Histogram::new(3)?;
    loop {
        let next = schedule.lock().await.recv().await;
        let Some(due) = next else { return Ok(histogram) };
        client.ask().await?;
        histogram.record(u64::try_from(due.elapsed().as_micros())?)?;
    }
}

async fn connect_all(target: &Target) -> Result<Vec<Client>> {
    let mut clients = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        clients.push(Client::connect(target).await.context("can't connect")?);
    }
    Ok(clients)
}
