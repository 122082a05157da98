//! Whole servers: throughput, latency, start and memory, compared with the same server without a policy.

use crate::effort::Effort;
use crate::load::{self, LoadTarget};
use crate::process::{Program, ServerIdentity, ServerProcess};
use anyhow::Result;
use bytes::Bytes;
use ordinance_testkit::figures::{Better, Figure, Figures, median};
use std::path::Path;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// A StatefulSet of 6.3 KiB, created by kubectl, with a claim by name and an inline export. It gets a patch.
pub const REVIEW: &[u8] = include_bytes!("../../../data/reviews/019-mutate-create-statefulsets-shop.json");

/// The length of a window of requests. A round's p99 is the median over its windows, because a shared machine stops for
/// milliseconds several times a second, and these stops would dominate the p99 of a whole round.
const WINDOW: Duration = Duration::from_millis(50);

/// The measurements of one kind of server, by round.
#[derive(Default)]
pub struct Rounds {
    pub rate: Vec<f64>,
    pub cpu: Vec<f64>,
    pub p99: Vec<f64>,
    p99_of_all: Vec<f64>,
}

/// Measures whole servers.
pub fn measure(figures: &mut Figures, effort: Effort, ordinance: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let identity = ServerIdentity::new()?;
        start(figures, effort, ordinance, &identity).await?;
        let body = Bytes::from_static(REVIEW);
        let ours = ServerProcess::start(&Program::Ordinance(ordinance), &identity, &body).await?;
        let idle = ours.resident()?;
        let bare = ServerProcess::start(&Program::AllowAll, &identity, &body).await?;
        load(figures, effort, &ours, &bare).await?;
        memory(figures, idle, ours.resident()?);
        Ok(())
    })
}

/// Measures the time from `exec` to the first verdict over TLS.
async fn start(
    figures: &mut Figures,
    effort: Effort,
    ordinance: &Path,
    identity: &ServerIdentity,
) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..effort.rounds {
        let server =
            ServerProcess::start(&Program::Ordinance(ordinance), identity, &Bytes::from_static(REVIEW))
                .await?;
        times.push(1e3 * server.first_verdict.as_secs_f64());
    }
    figures.add(Figure::measured("exec to first verdict", "ms", Better::Lower, Some(20.0), &times));
    Ok(())
}

fn memory(figures: &mut Figures, idle: f64, loaded: f64) {
    figures.add(Figure::measured("resident memory, idle", "MB", Better::Lower, Some(20.0), &[idle]));
    figures.add(Figure::measured(
        "resident memory, after the load",
        "MB",
        Better::Lower,
        Some(35.0),
        &[loaded],
    ));
}

/// Measures throughput and latency of the two servers in turn.
async fn load(
    figures: &mut Figures,
    effort: Effort,
    ours: &ServerProcess,
    bare: &ServerProcess,
) -> Result<()> {
    let (mut us, mut them) = (Rounds::default(), Rounds::default());
    for server in [ours, bare] {
        load::closed_loop(&server.target, Duration::from_millis(500)).await?;
    }
    for _ in 0..effort.rounds {
        them.closed_loop(bare, effort.time).await?;
        us.closed_loop(ours, effort.time).await?;
    }
    let half = median(&us.rate) / 2.0;
    for _ in 0..effort.rounds {
        them.open_loop(&bare.target, half, effort.time).await?;
        us.open_loop(&ours.target, half, effort.time).await?;
    }
    compare(figures, &us, &them);
    Ok(())
}

fn compare(figures: &mut Figures, us: &Rounds, them: &Rounds) {
    use Better::{Higher, Lower};
    let mut add = |name: &str, unit, better, goal, rounds: &[f64]| {
        figures.add(Figure::measured(name, unit, better, goal, rounds));
    };
    add("throughput, allow-all", "1/s", Higher, None, &them.rate);
    add("throughput, storage policy", "1/s", Higher, None, &us.rate);
    add("throughput, policy / allow-all", "ratio", Higher, Some(0.5), &ratios(&us.rate, &them.rate));
    add("server CPU per request, allow-all", "us", Lower, None, &them.cpu);
    add("server CPU per request, storage policy", "us", Lower, None, &us.cpu);
    add("p99 at half of capacity, allow-all", "ms", Lower, None, &them.p99);
    add("p99 at half of capacity, storage policy", "ms", Lower, None, &us.p99);
    add(
        "p99 at half of capacity, policy / allow-all",
        "ratio",
        Lower,
        Some(2.0),
        &ratios(&us.p99, &them.p99),
    );
    add("p99 of a whole round, allow-all", "ms", Lower, None, &them.p99_of_all);
    add("p99 of a whole round, storage policy", "ms", Lower, None, &us.p99_of_all);
}

/// Returns the ratio of each round.
pub fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect()
}

// === impl Rounds ===

impl Rounds {
    pub async fn closed_loop(&mut self, server: &ServerProcess, time: Duration) -> Result<()> {
        let before = server.cpu()?;
        let rate = load::closed_loop(&server.target, time).await?;
        let used = server.cpu()?.saturating_sub(before);
        self.rate.push(rate);
        self.cpu.push(1e6 * used.as_secs_f64() / (rate * time.as_secs_f64()));
        Ok(())
    }

    pub async fn open_loop(&mut self, target: &LoadTarget, rate: f64, time: Duration) -> Result<()> {
        let target = target.clone();
        let latencies = spawn_blocking(move || load::open_loop(&target, rate, time)).await??;
        self.p99.push(median(&latencies.p99_of_windows(WINDOW)));
        self.p99_of_all.push(latencies.p99());
        Ok(())
    }
}
