//! The durations of a first start and of the repair of an overwritten bundle, with the schedule of a real cluster.

use crate::api::ApiStore;
use crate::replica::{EventLog, PollingReplica, ReplicaAction, ServingReplica};
use crate::wait::until;
use anyhow::{Context, Result};
use ordinance_certs::{Bundle, Schedule};
use std::time::Instant;

/// Returns the seconds from the start of two replicas until one of them is ready.
///
/// # Errors
///
/// If none becomes ready within a minute.
pub async fn first_start(schedule: Schedule) -> Result<f64> {
    let (api, log, started) = (ApiStore::new(None), EventLog::default(), Instant::now());
    let mut replicas = Vec::new();
    for index in 0..2 {
        let action = if index == 0 { ReplicaAction::Lead } else { ReplicaAction::Follow };
        replicas.push(
            ServingReplica::start(PollingReplica::new(&api, schedule, &log), move || {
                (action, schedule.poll_interval)
            })
            .await?,
        );
    }
    let ready = until(async || log.events().ready).await.context("the first start")?;
    Ok(ready.duration_since(started).as_secs_f64())
}

/// Overwrites the bundle several times and returns the seconds until each repair.
///
/// # Errors
///
/// If one is not repaired within a minute.
pub async fn repairs(schedule: Schedule, times: usize, seed: u64) -> Result<Vec<f64>> {
    let (api, log) = (ApiStore::new(None), EventLog::default());
    let _replica = ServingReplica::start(PollingReplica::new(&api, schedule, &log), move || {
        (ReplicaAction::Lead, schedule.poll_interval)
    })
    .await?;
    until(async || log.events().ready).await.context("the first start")?;
    let (expected, mut random, mut repairs) = (api.bundle(), fastrand::Rng::with_seed(seed), Vec::new());
    for _ in 0..times {
        tokio::time::sleep(schedule.poll_interval.mul_f64(random.f64())).await;
        api.overwrite_bundles(&Bundle::default());
        let started = Instant::now();
        until(async || (api.bundle() == expected).then_some(())).await.context("the repair of a bundle")?;
        repairs.push(started.elapsed().as_secs_f64());
    }
    Ok(repairs)
}
