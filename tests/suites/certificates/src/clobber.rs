//! How long a first start takes, and the repair of a bundle that somebody overwrote: at the pace of a real cluster.

use crate::api::Api;
use crate::replica::{Log, Looker, Replica, Turn};
use anyhow::{Context, Result};
use ordinance_certs::{Bundle, Schedule};
use std::time::{Duration, Instant};

/// How often one looks whether it has happened.
const LOOK: Duration = Duration::from_millis(20);

/// No repair and no start takes longer.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The time from the first look of replicas that start together to one that is ready, in seconds.
///
/// # Errors
///
/// If none becomes ready within a minute.
pub async fn first_start(schedule: Schedule) -> Result<f64> {
    let (api, log, begun) = (Api::new(None), Log::default(), Instant::now());
    let mut replicas = Vec::new();
    for index in 0..2 {
        let turn = if index == 0 { Turn::Leads } else { Turn::Follows };
        replicas
            .push(Replica::start(Looker::new(&api, schedule, &log), move || (turn, schedule.look)).await?);
    }
    let ready = until(async || log.happened().ready).await.context("the first start")?;
    Ok(ready.duration_since(begun).as_secs_f64())
}

/// The times until a bundle that was overwritten is whole again, in seconds.
///
/// # Errors
///
/// If one is not repaired within a minute.
pub async fn repairs(schedule: Schedule, times: usize, seed: u64) -> Result<Vec<f64>> {
    let (api, log) = (Api::new(None), Log::default());
    let _replica =
        Replica::start(Looker::new(&api, schedule, &log), move || (Turn::Leads, schedule.look)).await?;
    until(async || log.happened().ready).await.context("the first start")?;
    let (whole, mut random, mut repairs) = (api.bundle(), fastrand::Rng::with_seed(seed), Vec::new());
    for _ in 0..times {
        tokio::time::sleep(schedule.look.mul_f64(random.f64())).await;
        api.clobber(&Bundle::default());
        let begun = Instant::now();
        until(async || (api.bundle() == whole).then_some(())).await.context("the repair of a bundle")?;
        repairs.push(begun.elapsed().as_secs_f64());
    }
    Ok(repairs)
}

/// Looks again and again until there is something to see.
pub async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        if let Some(seen) = look().await {
            return Ok(seen);
        }
        tokio::time::sleep(LOOK).await;
    }
    anyhow::bail!("waited {} s in vain", LIMIT.as_secs())
}
