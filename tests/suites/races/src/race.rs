//! Pairs of volumes, and what is stored of them.

use crate::creation::{self, Outcome};
use crate::faults;
use crate::installation::RacedCluster;
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::api::ListParams;
use kube::{Api, Client};
use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The pairs that are created at the same time.
const CONCURRENT: usize = 8;

/// How the paths of a pair relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Equal,
    Nested,
    Siblings,
}

/// Two volumes that are created at once.
#[derive(Clone, Debug)]
struct Pair {
    number: usize,
    shape: Shape,
}

/// What a race shows.
#[derive(Clone, Debug, Default)]
pub struct RaceResult {
    /// Pairs of which only one volume may be stored.
    pub exclusive: usize,
    /// Exclusive pairs of which exactly one is stored.
    pub decided: usize,
    /// Exclusive pairs of which both are stored.
    pub doubles: usize,
    /// The same, in words.
    pub stored_doubles: Vec<String>,
    pub siblings: usize,
    /// Pairs of siblings of which both are stored.
    pub complete_siblings: usize,
    pub kills: usize,
    pub retries: usize,
    pub time: Duration,
}

/// What the clients did.
#[derive(Default)]
struct Progress {
    /// Pairs.
    created: AtomicUsize,
    retries: AtomicUsize,
    without_answer: AtomicUsize,
}

// === impl Pair ===

impl Pair {
    fn new(number: usize, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed.wrapping_add(number as u64)).u8(..5);
        let shape = match random {
            0 | 1 => Shape::Equal,
            2 | 3 => Shape::Nested,
            _ => Shape::Siblings,
        };
        Self { number, shape }
    }

    /// Returns the names and paths of its volumes.
    fn volumes(&self) -> [(String, String); 2] {
        let (number, base) = (self.number, format!("/races/{}", self.number));
        let paths = match self.shape {
            Shape::Equal => [base.clone(), base],
            Shape::Nested => [base.clone(), format!("{base}/inner")],
            Shape::Siblings => [format!("{base}/one"), format!("{base}/other")],
        };
        let [one, other] = paths;
        [(format!("one-{number}"), one), (format!("other-{number}"), other)]
    }
}

// === impl RacedCluster ===

impl RacedCluster {
    /// Creates at least this number of pairs, for at least this time, while faults happen. Returns what is stored in the end.
    pub async fn race(&mut self, pairs: usize, least: Duration, seed: u64) -> Result<RaceResult> {
        let (start, progress) = (Instant::now(), Arc::new(Progress::default()));
        let (client, is_over) = (self.client(), Arc::new(AtomicBool::new(false)));
        let mut racers = JoinSet::new();
        for _ in 0..CONCURRENT {
            racers.spawn(create_pairs(client.clone(), pairs, start + least, seed, Arc::clone(&progress)));
        }
        let ended = Arc::clone(&is_over);
        let racing = async move {
            while let Some(joined) = racers.join_next().await {
                joined.context("a racer panicked")?;
            }
            let time = start.elapsed();
            ended.store(true, Ordering::Relaxed);
            Ok::<_, anyhow::Error>(time)
        };
        let (time, kills) = tokio::try_join!(racing, faults::inject(self, &is_over))?;
        let unanswered = progress.without_answer.load(Ordering::Relaxed);
        if unanswered > 0 {
            anstream::eprintln!("  {unanswered} clients got no answer in time");
        }
        let retries = progress.retries.load(Ordering::Relaxed);
        let created = progress.created.load(Ordering::Relaxed);
        let stored = stored(&client).await?;
        Ok(RaceResult { kills, retries, time, ..counted(created, seed, &stored) })
    }
}

async fn create_pairs(client: Client, pairs: usize, least: Instant, seed: u64, progress: Arc<Progress>) {
    let shows = std::io::stderr().is_terminal();
    while progress.created.load(Ordering::Relaxed) < pairs || Instant::now() < least {
        let number = progress.created.fetch_add(1, Ordering::Relaxed);
        if shows {
            anstream::eprint!("  pair {number}\r");
        }
        let [one, other] = Pair::new(number, seed).volumes();
        let outcomes = tokio::join!(
            creation::create(&client, &one.0, &one.1),
            creation::create(&client, &other.0, &other.1)
        );
        for (outcome, retries) in [outcomes.0, outcomes.1] {
            progress.retries.fetch_add(retries, Ordering::Relaxed);
            progress.without_answer.fetch_add(usize::from(outcome == Outcome::Unknown), Ordering::Relaxed);
        }
    }
}

/// Returns the names of the stored volumes.
async fn stored(client: &Client) -> Result<BTreeSet<String>> {
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    let listed = volumes.list_metadata(&ListParams::default()).await?;
    Ok(listed.items.into_iter().filter_map(|volume| volume.metadata.name).collect())
}

fn counted(pairs: usize, seed: u64, stored: &BTreeSet<String>) -> RaceResult {
    let mut result = RaceResult::default();
    for pair in (0..pairs).map(|number| Pair::new(number, seed)) {
        let volumes = pair.volumes();
        let count = volumes.iter().filter(|(name, _)| stored.contains(name)).count();
        if pair.shape == Shape::Siblings {
            result.siblings += 1;
            result.complete_siblings += usize::from(count == 2);
            continue;
        }
        result.exclusive += 1;
        result.decided += usize::from(count == 1);
        if count == 2 {
            result.doubles += 1;
            result.stored_doubles.push(volumes.map(|(name, path)| format!("{name} on {path}")).join(", "));
        }
    }
    result
}
