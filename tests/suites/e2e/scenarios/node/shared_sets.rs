//! Sets whose replicas share files: by a claim, and by claim templates on one directory.

use super::pages::{PAGES, set};
use anyhow::{Context, Result, ensure};
use ordinance_cluster::Shell;
use ordinance_e2e::{NodeCluster, nfs_volume};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The sets, with the folders that stand for their exports.
pub(super) const SETS: [(&str, &str); 2] = [("named", "/srv/named"), ("story", "/srv/story")];

/// The server of the exports.
pub(super) const SERVER: &str = "nas.example.com";

/// What a replica writes.
pub(super) const WRITE: &str = "echo of $(hostname) > of-$(hostname); mkdir -p 'a folder'; echo $(hostname) > \"a folder/$(hostname)\"; \
                     ln -s of-$(hostname) link-$(hostname)";

/// Files by their paths, and the targets of links.
pub(super) type Files = BTreeMap<PathBuf, String>;

/// Returns a set of two replicas that share files, and its claim.
pub(super) fn manifests(name: &str) -> Vec<Value> {
    let spec = json!({
        "accessModes": ["ReadWriteMany"],
        "storageClassName": name,
        "resources": { "requests": { "storage": "1Gi" } },
    });
    if name != "named" {
        return vec![set(name, json!([]), json!([{ "metadata": { "name": "www" }, "spec": spec }]))];
    }
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "pages" }, "spec": spec,
    });
    let volumes = json!([{ "name": "www", "persistentVolumeClaim": { "claimName": "pages" } }]);
    vec![claim, set(name, volumes, json!([]))]
}

/// Creates a set of two replicas, each of which writes files.
pub(super) async fn create(cluster: &NodeCluster<'_>, name: &str) -> Result<()> {
    apply(cluster, manifests(name)).await?;
    cluster.kubectl().ok(&format!("rollout status statefulset/{name} --timeout=90s")).await?;
    for ordinal in 0..2 {
        let write = format!("cd {PAGES} && {WRITE}");
        cluster
            .kubectl()
            .run(["exec", &format!("{name}-{ordinal}"), "--", "sh", "-c", &write])
            .await?
            .ok()?;
    }
    Ok(())
}

/// Creates a volume for the claim by name, and two volumes on one directory for the claim template.
pub(super) async fn volumes(cluster: &NodeCluster<'_>) -> Result<()> {
    let volume = |name: &str, set: &str, path: &str| {
        let mut volume = nfs_volume(name, SERVER, path);
        volume["spec"]["storageClassName"] = json!(set);
        volume
    };
    let [(named, of_named), (story, of_story)] = SETS;
    for (_, path) in SETS {
        cluster.node().export(SERVER, path, 0o755)?;
    }
    let volumes = [("pv", named, of_named), ("pv-0", story, of_story), ("pv-1", story, of_story)];
    apply(cluster, volumes.map(|(name, set, path)| volume(name, set, path)).to_vec()).await
}

/// Checks that the originals are there. Every start of a pod at the root writes the page again.
pub(super) fn are_kept(export: &Path, files: &Files) -> Result<()> {
    let found = self::files(export)?;
    let is_kept = |path: &PathBuf| path.ends_with("index.html") || found.get(path) == files.get(path);
    ensure!(files.keys().all(is_kept), "{found:?}, expected {files:?}");
    Ok(())
}

/// Returns the files below a directory, without the folders of a migration and of ordinals.
pub(super) fn files(directory: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(directory.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_own = SETS.iter().any(|(set, _)| name.starts_with(&format!("{set}-")))
                || name.starts_with(".ordinance-migration");
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                let target = std::fs::read_link(entry.path())?;
                files.insert(path, format!("-> {}", target.display()));
            } else if !kind.is_dir() {
                files.insert(path, std::fs::read_to_string(entry.path())?);
            } else if !is_own {
                folders.push(path);
            }
        }
    }
    Ok(files)
}

/// Runs a line of shell with the cluster's kubectl, and returns its output.
pub(super) async fn run(cluster: &NodeCluster<'_>, folder: &Path, line: &str) -> Result<String> {
    Shell::new(cluster.cluster(), folder).run(line).await?.ok().with_context(|| line.to_owned())
}

/// Applies objects.
pub(super) async fn apply(cluster: &NodeCluster<'_>, objects: Vec<Value>) -> Result<()> {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    cluster.kubectl().apply(&list.to_string()).await?.ok().map(|_| ())
}
