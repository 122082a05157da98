//! What clients with expensive reviews cost the others: the latency of small reviews, alone and beside them.

use crate::effort::Effort;
use crate::load::{Client, LoadTarget, open_loop};
use crate::process::{Program, ServerIdentity, ServerProcess};
use crate::server::REVIEW;
use anyhow::Result;
use bytes::Bytes;
use ordinance_testkit::figures::{Better, Figure, Figures, median};
use ordinance_testkit::shapes::shapes;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::{JoinSet, spawn_blocking};

/// The connections with expensive reviews. Each sends its next review as soon as it has the answer.
const EXPENSIVE: usize = 8;

/// The size of an expensive review, in bytes.
pub const BYTES: usize = 88 * 1024;

/// The small reviews in a second: far below what the server can answer.
const RATE: f64 = 200.0;

/// How long a client waits before it connects again.
const RETRY: Duration = Duration::from_millis(10);

/// The latencies of small reviews, in milliseconds, by round.
#[derive(Default)]
struct Rounds {
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// The answers to expensive reviews in a second.
    expensive: Vec<f64>,
}

/// Measures the latency of small reviews without and with clients that send expensive ones of that many bytes.
pub fn measure(figures: &mut Figures, effort: Effort, ordinance: &Path, bytes: usize) -> Result<()> {
    let bodies: Arc<[Bytes]> = shapes().iter().map(|shape| shape.of_bytes(bytes).body().into()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let identity = ServerIdentity::new()?;
        let small = Bytes::from_static(REVIEW);
        let server = ServerProcess::start(&Program::Ordinance(ordinance), &identity, &small).await?;
        let (mut alone, mut beside) = (Rounds::default(), Rounds::default());
        for _ in 0..effort.rounds {
            alone.measure(&server.target, effort.time).await?;
            let expensive = ExpensiveClients::start(&server.target, &bodies)?;
            beside.measure(&server.target, effort.time).await?;
            beside.expensive.push(expensive.stop() / effort.time.as_secs_f64());
        }
        report(figures, &alone, &beside);
        Ok(())
    })
}

fn report(figures: &mut Figures, alone: &Rounds, beside: &Rounds) {
    let mut add = |name: &str, unit, goal, rounds: &[f64]| {
        figures.add(Figure::measured(name, unit, Better::Lower, goal, rounds));
    };
    add("p50 of small reviews, alone", "ms", None, &alone.p50);
    add("p50 of small reviews, beside 8 expensive clients", "ms", None, &beside.p50);
    add("p99 of small reviews, alone", "ms", None, &alone.p99);
    add("p99 of small reviews, beside 8 expensive clients", "ms", None, &beside.p99);
    add("expensive reviews, answered", "1/s", None, &beside.expensive);
    let ratio = median(&beside.p99) / median(&alone.p99);
    add("p99 of small reviews, beside expensive clients / alone", "ratio", Some(2.0), &[ratio]);
}

// === impl Rounds ===

impl Rounds {
    async fn measure(&mut self, target: &LoadTarget, time: Duration) -> Result<()> {
        let target = target.clone();
        let latencies = spawn_blocking(move || open_loop(&target, RATE, time)).await??;
        self.p50.push(latencies.p50());
        self.p99.push(latencies.p99());
        Ok(())
    }
}

/// Clients that send expensive reviews, in a runtime of their own. Dropping them ends them.
struct ExpensiveClients {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicU32>,
    runtime: Option<Runtime>,
}

// === impl ExpensiveClients ===

impl ExpensiveClients {
    fn start(target: &LoadTarget, bodies: &Arc<[Bytes]>) -> Result<Self> {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let mut clients = JoinSet::new();
        for first in 0..EXPENSIVE {
            let client = ExpensiveClient {
                target: target.clone(),
                bodies: Arc::clone(bodies),
                first: first * bodies.len() / EXPENSIVE,
                stop: Arc::clone(&stop),
                answers: Arc::clone(&answers),
            };
            clients.spawn_on(client.send_all(), runtime.handle());
        }
        clients.detach_all();
        Ok(Self { stop, answers, runtime: Some(runtime) })
    }

    /// Stops the clients, and returns how many answers they got.
    fn stop(self) -> f64 {
        f64::from(self.answers.load(Ordering::Relaxed))
    }
}

impl Drop for ExpensiveClients {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A client that sends all bodies in turn, beginning with one of them.
struct ExpensiveClient {
    target: LoadTarget,
    bodies: Arc<[Bytes]>,
    first: usize,
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicU32>,
}

// === impl ExpensiveClient ===

impl ExpensiveClient {
    async fn send_all(self) {
        let mut bodies = self.bodies.iter().cycle().skip(self.first);
        while self.is_running() {
            let Ok(mut client) = Client::connect(&self.target).await else {
                tokio::time::sleep(RETRY).await;
                continue;
            };
            self.send_on(&mut client, &mut bodies).await;
        }
    }

    /// Sends bodies on a connection until the server closes it, which it may do to shed load.
    async fn send_on(&self, client: &mut Client, bodies: &mut impl Iterator<Item = &Bytes>) {
        while let Some(body) = bodies.next().filter(|_| self.is_running()) {
            client.set_body(body.clone());
            if client.ask().await.is_err() {
                return;
            }
            self.answers.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_running(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}
