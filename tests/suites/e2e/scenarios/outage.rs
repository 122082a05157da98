//! An outage of Ordinance: creations that could overwrite files are refused, and everything else works.

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim};
use kube::Api;
use ordinance_cluster::{Cluster, Kubectl, until};
use ordinance_e2e::{STEP_TIMEOUT, Scenario, TestClusters, apply, mounts, nfs_set, nfs_volume};
use serde_json::{Value, json};

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::with_own_clusters("outage::blocks_new_sets_and_volumes_and_nothing_else", outage),
        Scenario::with_own_clusters("outage::deleting_the_configurations_ends_the_outage", break_glass),
        Scenario::with_own_clusters("outage::exempts_system_namespaces", system_namespaces),
    ]
}

async fn outage(clusters: &TestClusters) -> Result<()> {
    let (cluster, mut ordinance) = clusters.installed(1).await?;
    let kubectl = cluster.access().kubectl();
    kubectl.ok("create namespace shop").await?;
    apply(kubectl, &nfs_set("shop", "web", 2)).await?;
    kubectl.ok("rollout status statefulset/web --namespace=shop --timeout=60s").await?;
    apply(kubectl, &nfs_volume("before", "nas.example.com", "/srv/before")).await?;
    ordinance.stop();
    is_refused(kubectl, &nfs_set("shop", "other", 2)).await?;
    is_refused(kubectl, &nfs_volume("during", "nas.example.com", "/srv/during")).await?;
    binding_works(&cluster).await?;
    kubectl.ok("scale statefulset/web --namespace=shop --replicas=1").await?;
    kubectl.ok("label statefulset/web --namespace=shop seen=yes").await?;
    kubectl.ok("delete persistentvolume before --wait=false").await?;
    kubectl.ok("delete namespace shop --timeout=60s").await?;
    let namespaces: Api<Namespace> = Api::all(cluster.access().client());
    ensure!(namespaces.get_opt("shop").await?.is_none(), "the namespace is still there");
    ordinance.resume().await?;
    kubectl.ok("create namespace shop").await?;
    apply(kubectl, &nfs_set("shop", "other", 2)).await?;
    is_isolated(&cluster, "shop", "other").await
}

async fn break_glass(clusters: &TestClusters) -> Result<()> {
    let (cluster, mut ordinance) = clusters.installed(1).await?;
    let kubectl = cluster.access().kubectl();
    ordinance.stop();
    is_refused(kubectl, &nfs_set("default", "web", 2)).await?;
    kubectl.ok("delete validatingwebhookconfigurations,mutatingwebhookconfigurations --all").await?;
    until("the API server to call no webhook", STEP_TIMEOUT, async || {
        Ok(kubectl.apply(&nfs_set("default", "web", 2).to_string()).await?.ok().ok())
    })
    .await?;
    ordinance.resume().await?;
    ordinance.configure(cluster.access()).await?;
    until("the API server to call the webhooks again", STEP_TIMEOUT, async || {
        apply(kubectl, &nfs_set("default", "late", 2)).await?;
        let isolated = is_isolated(&cluster, "default", "late").await;
        kubectl.ok("delete statefulset late").await?;
        Ok(isolated.ok())
    })
    .await
}

async fn system_namespaces(clusters: &TestClusters) -> Result<()> {
    let (cluster, mut ordinance) = clusters.installed(1).await?;
    ordinance.stop();
    let kubectl = cluster.access().kubectl();
    for namespace in ["kube-system", "ordinance-system"] {
        apply(kubectl, &nfs_set(namespace, "web", 2)).await?;
    }
    Ok(())
}

/// Checks that a claim is bound while no webhook answers.
async fn binding_works(cluster: &Cluster) -> Result<()> {
    let claim = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": { "name": "late", "namespace": "default" },
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "resources": { "requests": { "storage": "1Gi" } },
            "storageClassName": "",
            "volumeName": "before",
        },
    });
    apply(cluster.access().kubectl(), &claim).await?;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(cluster.access().client(), "default");
    let volumes: Api<PersistentVolume> = Api::all(cluster.access().client());
    until("claim and volume to be bound", STEP_TIMEOUT, async || {
        let claim = claims.get("late").await?.status.and_then(|status| status.phase);
        let volume = volumes.get("before").await?.status.and_then(|status| status.phase);
        Ok([claim, volume].iter().all(|phase| phase.as_deref() == Some("Bound")).then_some(()))
    })
    .await
}

/// Checks that the API server refuses an object because no webhook answers.
async fn is_refused(kubectl: &Kubectl, object: &Value) -> Result<()> {
    let refusal = kubectl.apply(&object.to_string()).await?.refusal()?;
    ensure!(refusal.contains("failed calling webhook"), "{refusal}");
    Ok(())
}

async fn is_isolated(cluster: &Cluster, namespace: &str, name: &str) -> Result<()> {
    let sets: Api<StatefulSet> = Api::namespaced(cluster.access().client(), namespace);
    let mounts = mounts(&sets.get(name).await?);
    ensure!(mounts == ["main:/data=$(ORDINANCE_POD_NAMESPACE)/$(ORDINANCE_POD_NAME)"], "{mounts:?}");
    Ok(())
}
