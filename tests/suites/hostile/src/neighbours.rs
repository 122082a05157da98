//! Clients that send expensive reviews, and the latency of small ones meanwhile.

use crate::good_client::{Keeping, REVIEW};
use crate::host::HostProcess;
use anyhow::Result;
use bytes::Bytes;
use ordinance_testkit::figures::{Better, Figure, Figures, median};
use ordinance_testkit::shapes::shapes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// The connections with expensive reviews. Each sends its next review as soon as it has the answer.
const EXPENSIVE: usize = 8;

/// The sizes of expensive reviews, in bytes. Smaller ones cost little more than ordinary reviews.
pub const SIZES: [usize; 2] = [14_000, 88 * 1024];

/// The rounds of a figure, the small reviews of a round, and the time between two of them.
const ROUNDS: usize = 3;
const REVIEWS: usize = 600;
const PERIOD: Duration = Duration::from_millis(5);

/// How long a client waits before it connects again.
const RETRY: Duration = Duration::from_millis(10);

/// Plays the attack with reviews of a size, and adds the figures. It takes about 20 s.
///
/// # Errors
///
/// Returns an error if a small review is not answered.
pub async fn measure(host: &Arc<HostProcess>, figures: &mut Figures, bytes: usize) -> Result<()> {
    let bodies: Arc<[Bytes]> = shapes().iter().map(|shape| shape.of_bytes(bytes).body().into()).collect();
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(p99(host).await?);
        let mut clients = JoinSet::new();
        for first in 0..EXPENSIVE {
            let first = first * bodies.len() / EXPENSIVE;
            clients.spawn(send_all(Arc::clone(host), Arc::clone(&bodies), first));
        }
        beside.push(p99(host).await?);
    }
    let mut add = |name: &str, unit, goal, rounds: &[f64]| {
        figures.add(Figure::measured(name, unit, Better::Lower, goal, rounds));
    };
    let beside_them = format!("beside {EXPENSIVE} clients with reviews of {} KB", bytes / 1000);
    add("p99 of small reviews, alone", "ms", None, &alone);
    add(&format!("p99 of small reviews {beside_them}"), "ms", None, &beside);
    let ratio = median(&beside) / median(&alone);
    add(&format!("p99 of small reviews, {beside_them} / alone"), "ratio", Some(2.0), &[ratio]);
    Ok(())
}

/// Sends small reviews at a fixed rate on one connection, and returns their p99 in milliseconds, from the time at which each
/// was due.
async fn p99(host: &HostProcess) -> Result<f64> {
    let mut client = Keeping::connect(host).await?;
    let mut took = Vec::with_capacity(REVIEWS);
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for _ in 0..REVIEWS {
        let due = ticks.tick().await;
        client.review(Bytes::from_static(REVIEW)).await?;
        took.push(Instant::now().duration_since(due.into_std()).as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    Ok(took.get(took.len() * 99 / 100).copied().unwrap_or_default())
}

/// Sends the bodies in turn, beginning with one of them. The host may close the connection to shed load.
async fn send_all(host: Arc<HostProcess>, bodies: Arc<[Bytes]>, first: usize) {
    let mut bodies = bodies.iter().cycle().skip(first);
    loop {
        if let Ok(mut client) = Keeping::connect(&host).await {
            for body in bodies.by_ref() {
                if client.review(body.clone()).await.is_err() {
                    break;
                }
            }
        }
        sleep(RETRY).await;
    }
}
