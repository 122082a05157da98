//! Replicas that share storage other than through two `nfs:` volumes: `local` volumes on one directory, a claim by
//! name, and an inline volume.

use super::pages::{own_pages, pages, set};
use anyhow::{Result, ensure};
use ordinance_cluster::NODE;
use ordinance_e2e::{NodeCluster, nfs_volume};
use serde_json::{Value, json};

/// The names of the sets, one for each kind of storage.
const SETS: [&str; 3] = ["local", "named", "inline"];

/// Without Ordinance both pages of each set have the same name. With it each page has its own pod's name, also after
/// the pods and the sets were deleted.
pub async fn kinds(cluster: &mut NodeCluster<'_>) -> Result<()> {
    volumes(cluster).await?;
    sets(cluster).await?;
    for name in SETS {
        let pages = pages(cluster, name).await?;
        ensure!(pages[0] == pages[1], "{name}: {pages:?}");
    }
    cluster.log_elapsed("without Ordinance one replica overwrote the other, in three ways");
    delete_sets(cluster).await?;
    // Existing claims of a template determine where their files lie: those of `local` at the root.
    cluster.kubectl().ok("delete persistentvolumeclaims www-local-0 www-local-1").await?;
    release_volumes(cluster).await?;
    let _ordinance = cluster.install().await?;
    sets(cluster).await?;
    pages_are_separate(cluster, "each page its own, in three ways").await?;
    cluster.kubectl().ok("delete pods --all").await?;
    pages_are_separate(cluster, "pods deleted").await?;
    delete_sets(cluster).await?;
    sets(cluster).await?;
    pages_are_separate(cluster, "the sets deleted and created again").await
}

async fn pages_are_separate(cluster: &mut NodeCluster<'_>, what: &str) -> Result<()> {
    for name in SETS {
        let line = format!("rollout status statefulset/{name} --timeout=90s");
        cluster.kubectl().ok(&line).await?;
        own_pages(cluster, name).await?;
    }
    cluster.log_elapsed(what);
    Ok(())
}

async fn sets(cluster: &NodeCluster<'_>) -> Result<()> {
    let class = |class: &str| {
        json!({
            "accessModes": ["ReadWriteMany"],
            "storageClassName": class,
            "resources": { "requests": { "storage": "1Gi" } },
        })
    };
    let template = json!([{ "metadata": { "name": "www" }, "spec": class("local") }]);
    let named = json!([{ "name": "www", "persistentVolumeClaim": { "claimName": "pages" } }]);
    let inline = json!([{ "name": "www", "nfs": { "server": "nas.example.com", "path": "/srv/inline" } }]);
    let claim = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": { "name": "pages" },
        "spec": class("named"),
    });
    let [local_set, named_set, inline_set] = SETS;
    let objects = [
        claim,
        set(local_set, json!([]), template),
        set(named_set, named, json!([])),
        set(inline_set, inline, json!([])),
    ];
    apply(cluster, objects.to_vec()).await
}

/// Creates two `local` volumes on one directory, and a volume for the claim by name.
async fn volumes(cluster: &NodeCluster<'_>) -> Result<()> {
    let path = cluster.node().export("local", "pages", 0o755)?;
    cluster.node().export("nas.example.com", "/srv/inline", 0o755)?;
    cluster.node().export("nas.example.com", "/srv/named", 0o755)?;
    let mut named = nfs_volume("named", "nas.example.com", "/srv/named");
    named["spec"]["storageClassName"] = json!("named");
    let local = |name: &str| {
        let mut volume = named.clone();
        let here = json!({ "key": "kubernetes.io/hostname", "operator": "In", "values": [NODE] });
        volume["metadata"]["name"] = json!(name);
        volume["spec"]["storageClassName"] = json!("local");
        volume["spec"]["nfs"] = Value::Null;
        volume["spec"]["local"] = json!({ "path": path });
        volume["spec"]["nodeAffinity"] =
            json!({ "required": { "nodeSelectorTerms": [{ "matchExpressions": [here] }] } });
        volume
    };
    apply(cluster, vec![local("local-0"), local("local-1"), named.clone()]).await
}

/// Removes the volumes' claim references, so that they can be bound again.
async fn release_volumes(cluster: &NodeCluster<'_>) -> Result<()> {
    for volume in ["local-0", "local-1"] {
        let patch = r#"--patch={"spec":{"claimRef":null}}"#;
        cluster.kubectl().run(["patch", "persistentvolume", volume, patch]).await?.ok()?;
    }
    Ok(())
}

async fn delete_sets(cluster: &NodeCluster<'_>) -> Result<()> {
    cluster.kubectl().ok("delete statefulsets --all --cascade=foreground").await.map(|_| ())
}

async fn apply(cluster: &NodeCluster<'_>, objects: Vec<Value>) -> Result<()> {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    cluster.kubectl().apply(&list.to_string()).await?.ok().map(|_| ())
}
