//! Replicas that share storage in other ways than by two `nfs:` volumes: `local` volumes on one directory, a claim by
//! name, an inline volume.

use super::{own_pages, pages, set};
use anyhow::{Result, ensure};
use ordinance_cluster::NODE;
use ordinance_e2e::{NodeStage, nfs_volume};
use serde_json::{Value, json};

/// A set for each way.
const SETS: [&str; 3] = ["local", "named", "inline"];

/// Without Ordinance every page of a set says the same name, with it each its own pod's, also after the pods and the set
/// were deleted.
pub async fn kinds(stage: &mut NodeStage<'_>) -> Result<()> {
    volumes(stage).await?;
    sets(stage).await?;
    for name in SETS {
        let pages = pages(stage, name).await?;
        ensure!(pages[0] == pages[1], "{name}: {pages:?}");
    }
    stage.took("without Ordinance one replica overwrote the other, in three ways");
    gone(stage).await?;
    // Claims of a template that exist already say where their files lie: those of `local` at the root.
    stage.kubectl().ok("delete persistentvolumeclaims www-local-0 www-local-1").await?;
    free(stage).await?;
    let _ordinance = stage.install().await?;
    sets(stage).await?;
    own(stage, "each page its own, in three ways").await?;
    stage.kubectl().ok("delete pods --all").await?;
    own(stage, "pods deleted").await?;
    gone(stage).await?;
    sets(stage).await?;
    own(stage, "the sets deleted and created again").await
}

async fn own(stage: &mut NodeStage<'_>, what: &str) -> Result<()> {
    for name in SETS {
        let line = format!("rollout status statefulset/{name} --timeout=90s");
        stage.kubectl().ok(&line).await?;
        own_pages(stage, name).await?;
    }
    stage.took(what);
    Ok(())
}

async fn sets(stage: &NodeStage<'_>) -> Result<()> {
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
    apply(stage, objects.to_vec()).await
}

/// Two `local` volumes on one directory, and one for the claim.
async fn volumes(stage: &NodeStage<'_>) -> Result<()> {
    let path = stage.node().export("local", "pages", 0o755)?;
    stage.node().export("nas.example.com", "/srv/inline", 0o755)?;
    stage.node().export("nas.example.com", "/srv/named", 0o755)?;
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
    apply(stage, vec![local("local-0"), local("local-1"), named.clone()]).await
}

/// The volumes may be bound anew.
async fn free(stage: &NodeStage<'_>) -> Result<()> {
    for volume in ["local-0", "local-1"] {
        let patch = r#"--patch={"spec":{"claimRef":null}}"#;
        stage.kubectl().run(["patch", "persistentvolume", volume, patch]).await?.ok()?;
    }
    Ok(())
}

async fn gone(stage: &NodeStage<'_>) -> Result<()> {
    stage.kubectl().ok("delete statefulsets --all --cascade=foreground").await.map(|_| ())
}

async fn apply(stage: &NodeStage<'_>, objects: Vec<Value>) -> Result<()> {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    stage.kubectl().apply(&list.to_string()).await?.ok().map(|_| ())
}
