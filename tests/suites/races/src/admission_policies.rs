//! ValidatingAdmissionPolicies that do as much of Ordinance's work as they can, to compare what a create takes with them.

use anyhow::Result;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::Api;
use kube::api::PostParams;
use ordinance_cluster::{Cluster, until};
use ordinance_e2e::{nfs_set, nfs_volume};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;

const POLICIES: &str = include_str!("admission_policies.yaml");

/// How long the API server may take to enforce new policies.
const ENFORCED: Duration = Duration::from_secs(60);

/// Installs the policies, and waits until the API server enforces them.
pub async fn install(cluster: &Cluster) -> Result<()> {
    cluster.access().kubectl().apply(POLICIES).await?.ok()?;
    let client = cluster.access().client();
    let volume: PersistentVolume = serde_json::from_value(nfs_volume("shared", "nas.example.com", "/srv"))?;
    let set: StatefulSet = serde_json::from_value(nfs_set("default", "shared", 2))?;
    denied(&Api::all(client.clone()), &volume, "own-directories-of-volumes").await?;
    denied(&Api::default_namespaced(client), &set, "own-directories-of-replicas").await
}

/// Waits until a policy denies an object.
async fn denied<K>(api: &Api<K>, object: &K, policy: &str) -> Result<()>
where
    K: Clone + DeserializeOwned + Debug + Serialize,
{
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    until("the policies to be enforced", ENFORCED, async || match api.create(&dry_run, object).await {
        Err(kube::Error::Api(status)) if status.message.contains(policy) => Ok(Some(())),
        created => created.map(|_| None).map_err(Into::into),
    })
    .await
}
