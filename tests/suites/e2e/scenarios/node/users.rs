//! Pods that do not run as root. The kubelet creates the ordinals' directories as root, with the mode of the volume's
//! root. Each way of preparing an export that `docs/operations.md` names lets the pods write.

use super::pages::{own_pages, set};
use anyhow::{Result, ensure};
use ordinance_cluster::until;
use ordinance_e2e::{NodeCluster, STEP_TIMEOUT};
use serde_json::{Value, json};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

/// The user that the pods run as.
const USER: u32 = 65_534;

/// The group that owns the volume's root, and so the pods' files.
const GROUP: u32 = 4_000;

/// On a closed export the pods can't write until directories exist that their user owns. On an open export, and on one
/// of their group, they can.
pub async fn users(cluster: &mut NodeCluster<'_>) -> Result<()> {
    let _ordinance = cluster.install().await?;
    let exports = cluster.node().export("nas.example.com", "/", 0o755)?;
    for (name, mode) in [("open", 0o1777), ("closed", 0o755), ("group", 0o2775)] {
        let export = cluster.node().export("nas.example.com", name, mode)?;
        chown(&export, None, (name == "group").then_some(GROUP))?;
        // Changing the group may clear the set-group-ID bit, so the mode is set again.
        cluster.node().export("nas.example.com", name, mode)?;
        apply(cluster, &set_of(name)).await?;
    }
    for name in ["open", "group"] {
        own_pages(cluster, name).await?;
    }
    cluster.log_elapsed("each page its own, on an open export and on one of the pods' group");
    nothing_is_written(cluster, &exports.join("closed")).await?;
    cluster.log_elapsed("on a closed export nothing is written");
    for pod in ["closed-0", "closed-1"] {
        chown(exports.join("closed/default").join(pod), Some(USER), None)?;
    }
    cluster.kubectl().ok("delete pods closed-0 closed-1").await?;
    own_pages(cluster, "closed").await?;
    cluster.log_elapsed("each page its own, on the closed export with directories of the pods' user");
    Ok(())
}

/// Checks that the pod reports a permission error, and that its directory is root's and empty.
async fn nothing_is_written(cluster: &NodeCluster<'_>, export: &Path) -> Result<()> {
    until("a permission error in the log", STEP_TIMEOUT, async || {
        let log = cluster.kubectl().run(["logs", "closed-1"]).await?;
        Ok(log.stdout.contains("Permission denied").then_some(()))
    })
    .await?;
    let folder = export.join("default/closed-1");
    let metadata = folder.metadata()?;
    let state = (metadata.uid(), metadata.mode() & 0o7777, folder.read_dir()?.count());
    ensure!(state == (0, 0o755, 0), "user, mode and files: {state:?}");
    Ok(())
}

fn set_of(name: &str) -> Value {
    let export =
        json!([{ "name": "www", "nfs": { "server": "nas.example.com", "path": format!("/{name}") } }]);
    let mut set = set(name, export, json!([]));
    set["spec"]["template"]["spec"]["securityContext"] =
        json!({ "runAsNonRoot": true, "runAsUser": USER, "fsGroup": (name == "group").then_some(GROUP) });
    set
}

async fn apply(cluster: &NodeCluster<'_>, object: &Value) -> Result<()> {
    cluster.kubectl().apply(&object.to_string()).await?.ok().map(|_| ())
}
