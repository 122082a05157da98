//! A load of creates and updates that runs until it is stopped. Every request must succeed.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use ordinance_e2e::{mounts, nfs_set, nfs_volume};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinSet;

/// The number of concurrent clients.
const CLIENTS: usize = 4;

/// Clients that send requests without a pause. Dropping the value stops them.
pub struct Load {
    end: Arc<AtomicBool>,
    clients: JoinSet<Result<usize>>,
}

// === impl Load ===

impl Load {
    /// Starts the clients.
    pub fn start(client: &Client) -> Self {
        let (end, mut clients) = (Arc::<AtomicBool>::default(), JoinSet::new());
        for number in 0..CLIENTS {
            clients.spawn(send_requests(client.clone(), number, Arc::clone(&end)));
        }
        Self { end, clients }
    }

    /// Stops the clients, and returns the number of requests.
    ///
    /// # Errors
    ///
    /// Returns the first error of a client.
    pub async fn finish(mut self) -> Result<usize> {
        self.end.store(true, Ordering::Relaxed);
        let mut requests = 0;
        while let Some(client) = self.clients.join_next().await {
            requests += client??;
        }
        Ok(requests)
    }
}

async fn send_requests(client: Client, number: usize, end: Arc<AtomicBool>) -> Result<usize> {
    let mut requests = 0;
    for round in 0.. {
        if end.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("load-{number}-{round}");
        requests += volume(&client, &name).await.with_context(|| format!("PersistentVolume {name}"))?;
        requests += set(&client, &name).await.with_context(|| format!("StatefulSet {name}"))?;
    }
    Ok(requests)
}

/// Creates a volume and changes its mount options. The API server asks Ordinance about both.
async fn volume(client: &Client, name: &str) -> Result<usize> {
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    let volume = nfs_volume(name, "nas.example.com", &format!("/srv/{name}"));
    volumes.create(&PostParams::default(), &serde_json::from_value(volume)?).await?;
    let patch = Patch::Merge(json!({ "spec": { "mountOptions": ["noatime"] } }));
    volumes.patch(name, &PatchParams::default(), &patch).await?;
    Ok(2)
}

/// Creates a set, changes its template and deletes it. The API server calls both webhooks for the first two.
async fn set(client: &Client, name: &str) -> Result<usize> {
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), "default");
    let set =
        sets.create(&PostParams::default(), &serde_json::from_value(nfs_set("default", name, 2))?).await?;
    is_isolated(&set)?;
    let whole = json!([{
        "name": "main",
        "image": "registry.k8s.io/pause:3.9",
        "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
    }]);
    let patch = Patch::Merge(json!({ "spec": { "template": { "spec": { "containers": whole } } } }));
    is_isolated(&sets.patch(name, &PatchParams::default(), &patch).await?)?;
    sets.delete(name, &DeleteParams::default()).await?;
    Ok(3)
}

fn is_isolated(set: &StatefulSet) -> Result<()> {
    let mounts = mounts(set);
    ensure!(mounts == ["main:/data=$(ORDINANCE_POD_NAMESPACE)/$(ORDINANCE_POD_NAME)"], "{mounts:?}");
    Ok(())
}
