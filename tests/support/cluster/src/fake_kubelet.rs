//! A kubelet that runs nothing: it reports a pod ready as soon as the pod's claims are bound.
//!
//! The controllers then behave as on a real cluster: they create the pods of a StatefulSet one after the other. A
//! deleted pod without a node disappears at once.

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Container, PersistentVolumeClaim, Pod};
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How soon a pod is tried again whose claims are not bound yet.
const REQUEUE_DELAY: Duration = Duration::from_millis(200);

/// The task that updates the pods. Dropping the value stops it.
pub struct FakeKubelet {
    task: JoinHandle<()>,
}

// === impl FakeKubelet ===

impl FakeKubelet {
    /// Starts the task.
    pub fn start(client: Client) -> Self {
        let pods = Controller::new(Api::<Pod>::all(client.clone()), watcher::Config::default());
        let updates = pods.run(update_status, |_, _, _| Action::requeue(REQUEUE_DELAY), Arc::new(client));
        Self { task: tokio::spawn(updates.for_each(async |_| ())) }
    }
}

impl Drop for FakeKubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reports a pod ready if its claims are bound, or tries again later.
async fn update_status(pod: Arc<Pod>, client: Arc<Client>) -> Result<Action, kube::Error> {
    if pod.metadata.deletion_timestamp.is_some() || is_running(&pod) {
        return Ok(Action::await_change());
    }
    if !claims_are_bound(&pod, &client).await? {
        return Ok(Action::requeue(REQUEUE_DELAY));
    }
    let pods: Api<Pod> = Api::namespaced((*client).clone(), &pod.namespace().unwrap_or_default());
    let ready =
        ["Initialized", "ContainersReady", "Ready"].map(|kind| json!({ "type": kind, "status": "True" }));
    let containers: Vec<Value> =
        pod.spec.iter().flat_map(|spec| &spec.containers).map(running_status).collect();
    let status =
        json!({ "status": { "phase": "Running", "conditions": ready, "containerStatuses": containers } });
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(Action::await_change())
}

/// Returns the status of a running container.
fn running_status(container: &Container) -> Value {
    json!({
        "name": container.name,
        "image": container.image,
        "imageID": "",
        "ready": true,
        "started": true,
        "restartCount": 0,
        "state": { "running": {} },
    })
}

fn is_running(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
}

async fn claims_are_bound(pod: &Pod, client: &Client) -> Result<bool, kube::Error> {
    let claims: Api<PersistentVolumeClaim> =
        Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    for volume in volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref()) {
        let claim = claims.get_opt(&volume.claim_name).await?;
        let phase = claim.and_then(|claim| claim.status).and_then(|status| status.phase);
        if phase.as_deref() != Some("Bound") {
            return Ok(false);
        }
    }
    Ok(true)
}
