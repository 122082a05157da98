//! How long the API server takes to create an object, as its client sees it: at a fixed rate, without faults.

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::api::PostParams;
use kube::{Api, Client};
use ordinance_e2e::{nfs_set, nfs_volume};
use ordinance_testkit::figures::percentile;
use serde_json::{Value, json};
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

/// The form in which sets are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetForm {
    /// Its replicas would share their volume, had Ordinance not isolated them.
    Shared,
    /// Its author gave each replica a directory. That is the only form which a ValidatingAdmissionPolicy can allow.
    Isolated,
}

// === impl SetForm ===

impl SetForm {
    fn set(self, name: &str) -> Value {
        let mut set = nfs_set("default", name, 2);
        if self == Self::Isolated {
            let container = &mut set["spec"]["template"]["spec"]["containers"][0];
            container["env"] =
                json!([{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]);
            container["volumeMounts"][0]["subPathExpr"] = "$(POD_NAME)".into();
        }
        set
    }
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
    pub async fn measure(client: &Client, time: Duration, form: SetForm) -> Result<Self> {
        let volumes = creates(client, time, CreatedKind::Volume, form).await?;
        Ok(Self { volumes, sets: creates(client, time, CreatedKind::Set, form).await? })
    }

    /// Returns the duration that this share of the creates does not exceed.
    pub fn percentile(&self, kind: CreatedKind, share: f64) -> f64 {
        match kind {
            CreatedKind::Volume => percentile(&self.volumes, share),
            CreatedKind::Set => percentile(&self.sets, share),
        }
    }
}

async fn creates(client: &Client, time: Duration, kind: CreatedKind, form: SetForm) -> Result<Vec<f64>> {
    let (mut running, mut ticks) = (JoinSet::new(), interval(Duration::from_secs(1) / RATE));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..u64::from(RATE) * time.as_secs() {
        ticks.tick().await;
        running.spawn(create(client.clone(), kind, form, number));
    }
    let mut latencies = Vec::new();
    while let Some(created) = running.join_next().await {
        latencies.push(created?.with_context(|| format!("a {} without a fault", kind.as_str()))?);
    }
    latencies.sort_by(f64::total_cmp);
    Ok(latencies)
}

/// Creates one object, and returns the milliseconds that it took.
async fn create(client: Client, kind: CreatedKind, form: SetForm, number: u64) -> Result<f64> {
    let (name, parameters) = (format!("calm-{number}"), PostParams::default());
    let start;
    match kind {
        CreatedKind::Volume => {
            let volume = nfs_volume(&name, "nas.example.com", &format!("/calm/{name}"));
            let volume: PersistentVolume = serde_json::from_value(volume)?;
            start = Instant::now();
            Api::all(client).create(&parameters, &volume).await?;
        }
        CreatedKind::Set => {
            let set: StatefulSet = serde_json::from_value(form.set(&name))?;
            start = Instant::now();
            Api::namespaced(client, "default").create(&parameters, &set).await?;
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
