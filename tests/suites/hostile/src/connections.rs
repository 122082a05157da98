//! Clients that hold connections: silent sockets, unfinished handshakes, idle connections, and bodies over the limit.

use crate::good_client::{self, PATIENCE, connect_from, handshake};
use crate::host::HostProcess;
use crate::silent_clients::{SilentSockets, client_hello, idle_connections};
use anyhow::Result;
use ordinance_testkit::figures::{Better, Figure, Figures};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

/// The addresses from which silent sockets are opened, and the sockets of each: 2000 in all.
const ADDRESSES: u8 = 8;
const SOCKETS: usize = 250;

/// The number of rounds of a figure; it is their median.
const ROUNDS: usize = 3;

/// The measured connections of a round, and the pause between them.
const CONNECTIONS: usize = 200;
const PAUSE: Duration = Duration::from_millis(5);

/// The failures after which a round ends, because each may take as long as a client waits.
const FAILURES: usize = 3;

/// The idle TLS connections from each of three addresses: more than the host's limit in all.
const IDLE: usize = 400;

/// A body that no buffer between client and host can hold.
const BODY: usize = 16 * 1024 * 1024;
const BODIES: usize = 5;

/// The latencies of some attempts.
#[derive(Default)]
struct Attempts {
    took: Vec<Duration>,
    failed: usize,
}

/// Plays the attacks, and adds the figures of the other clients. It takes about a minute.
///
/// # Errors
///
/// Returns an error if the attacks can't be played. A request of another client that fails is a figure.
pub async fn measure(host: &HostProcess, figures: &mut Figures) -> Result<()> {
    let hello = client_hello(host)?;
    beside_sockets(host, figures, "silent sockets", b"", Some(2.0)).await;
    let half = &hello[..hello.len() / 2];
    beside_sockets(host, figures, "sockets with half a ClientHello", half, Some(2.0)).await;
    // These cost the host a signature each, so their effect depends on its cores.
    beside_sockets(host, figures, "sockets with a ClientHello", &hello, None).await;
    beside_idle_connections(host, figures).await;
    probes(host, figures).await;
    bodies(host, figures).await
}

/// Measures new connections beside sockets that send these bytes, each round compared with a round without them.
async fn beside_sockets(
    host: &HostProcess,
    figures: &mut Figures,
    kind: &str,
    bytes: &[u8],
    goal: Option<f64>,
) {
    let (mut idle, mut ratios, mut all) = (Vec::new(), Vec::new(), Attempts::default());
    for _ in 0..ROUNDS {
        let before = new_connections(host).await.p99();
        let _held = SilentSockets::open(host.https(), ADDRESSES, SOCKETS, bytes).await;
        let attacked = new_connections(host).await;
        idle.push(before);
        ratios.push(attacked.p99() / before);
        all.failed += attacked.failed;
    }
    let kind = format!("{} {kind}", usize::from(ADDRESSES) * SOCKETS);
    let name = format!("p99 of new connections before {kind}");
    figures.add(Figure::measured(&name, "ms", Better::Lower, None, &idle));
    let name = format!("p99 of new connections, {kind} / none");
    figures.add(Figure::measured(&name, "ratio", Better::Lower, goal, &ratios));
    none_failed(figures, &format!("failed connections, {kind}"), &all);
}

async fn beside_idle_connections(host: &HostProcess, figures: &mut Figures) {
    let _held = idle_connections(host, 3, IDLE).await;
    let attempts = new_connections(host).await;
    none_failed(figures, &format!("failed connections, {} idle ones", 3 * IDLE), &attempts);
}

async fn probes(host: &HostProcess, figures: &mut Figures) {
    let _held = SilentSockets::open(host.admin(), ADDRESSES, SOCKETS, b"").await;
    let mut attempts = Attempts::default();
    while attempts.goes_on() {
        attempts.add(good_client::probe(host).await);
        sleep(PAUSE).await;
    }
    figures.add(Figure::measured("p99 of probes", "ms", Better::Lower, None, &[attempts.p99()]));
    none_failed(figures, "failed probes", &attempts);
}

async fn bodies(host: &HostProcess, figures: &mut Figures) -> Result<()> {
    let mut lost = 0;
    for _ in 0..BODIES {
        let answer = timeout(PATIENCE, write_then_read(host)).await;
        lost += usize::from(!matches!(answer, Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 ")));
    }
    let name = "lost answers to bodies of 16 MiB";
    figures.add(Figure::exact(name, "", Better::Lower, 0.0, lost as f64));
    Ok(())
}

/// Writes a whole request with a large body, and returns what the host then sends until it closes the connection.
async fn write_then_read(host: &HostProcess) -> Result<String> {
    let mut stream = handshake(host, connect_from(1, host.https()).await?).await?;
    let head = format!(
        "POST /mutate/storage HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {BODY}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&vec![b' '; BODY]).await?;
    stream.flush().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Sends one review on each of some new connections.
async fn new_connections(host: &HostProcess) -> Attempts {
    let mut attempts = Attempts::default();
    while attempts.goes_on() {
        attempts.add(good_client::review(host).await);
        sleep(PAUSE).await;
    }
    attempts
}

fn none_failed(figures: &mut Figures, name: &str, attempts: &Attempts) {
    figures.add(Figure::exact(name, "", Better::Lower, 0.0, attempts.failed as f64));
}

// === impl Attempts ===

impl Attempts {
    fn goes_on(&self) -> bool {
        self.took.len() < CONNECTIONS && self.failed < FAILURES
    }

    fn add(&mut self, attempt: Result<Duration>) {
        match attempt {
            Ok(took) => self.took.push(took),
            Err(_) => self.failed += 1,
        }
    }

    /// Returns the smallest time that 99 of 100 answered attempts do not exceed, in milliseconds.
    fn p99(&self) -> f64 {
        let mut took = self.took.clone();
        took.sort_unstable();
        let rank = (took.len() * 99).div_ceil(100).saturating_sub(1);
        took.get(rank).map_or(f64::NAN, |took| 1e3 * took.as_secs_f64())
    }
}
