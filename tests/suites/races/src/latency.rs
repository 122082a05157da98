//! How long the API server takes to create an object, as its client sees it: at a fixed rate, without faults.

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::api::PostParams;
use kube::{Api, Client};
use ordinance_e2e::{nfs_set, nfs_volume};
use ordinance_testkit::figures::percentile;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// Creates per second.
const RATE: u32 = 50;

/// The durations of the creates of volumes and of sets, in milliseconds, sorted.
pub struct Latencies {
    volumes: Vec<f64>,
    sets: Vec<f64>,
}

/// A kind of object that is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreatedKind {
    Volume,
    Set,
}

// === impl CreatedKind ===

impl CreatedKind {
    pub const ALL: [Self; 2] = [Self::Volume, Self::Set];

    /// Returns the name in figures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::Set => "set",
        }
    }
}

// === impl Latencies ===

impl Latencies {
    /// Creates volumes and sets that exclude nothing, each kind for this time. Every create has to succeed.
    pub async fn measure(client: &Client, time: Duration) -> Result<Self> {
        let volumes = creates(client, time, CreatedKind::Volume).await?;
        Ok(Self { volumes, sets: creates(client, time, CreatedKind::Set).await? })
    }

    /// Returns the duration that this share of the creates does not exceed.
    pub fn percentile(&self, kind: CreatedKind, share: f64) -> f64 {
        match kind {
            CreatedKind::Volume => percentile(&self.volumes, share),
            CreatedKind::Set => percentile(&self.sets, share),
        }
    }
}

async fn creates(client: &Client, time: Duration, kind: CreatedKind) -> Result<Vec<f64>> {
    let (mut running, mut ticks) = (JoinSet::new(), interval(Duration::from_secs(1) / RATE));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..u64::from(RATE) * time.as_secs() {
        ticks.tick().await;
        running.spawn(create(client.clone(), kind, number));
    }
    let mut latencies = Vec::new();
    while let Some(created) = running.join_next().await {
        latencies.push(created?.with_context(|| format!("a {} without a fault", kind.as_str()))?);
    }
    latencies.sort_by(f64::total_cmp);
    Ok(latencies)
}

/// Creates one object, and returns the milliseconds that it took.
async fn create(client: Client, kind: CreatedKind, number: u64) -> Result<f64> {
    let (name, parameters) = (format!("calm-{number}"), PostParams::default());
    let start;
    match kind {
        CreatedKind::Volume => {
            let volume = nfs_volume(&name, "nas.example.com", &format!("/calm/{number}"));
            let volume: PersistentVolume = serde_json::from_value(volume)?;
            start = Instant::now();
            Api::all(client).create(&parameters, &volume).await?;
        }
        CreatedKind::Set => {
            let set: StatefulSet = serde_json::from_value(nfs_set("default", &name, 2))?;
            start = Instant::now();
            Api::namespaced(client, "default").create(&parameters, &set).await?;
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
