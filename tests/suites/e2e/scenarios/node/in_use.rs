//! A set in use, whose replicas share a claim: no command hides a file of it, before and after Ordinance is installed.

use super::pages::PAGES;
use super::shared_sets::{Files, SERVER, SETS, are_kept, create, files, manifests, run, volumes};
use anyhow::{Result, ensure};
use ordinance_e2e::NodeCluster;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The set with a claim of its own, and the folder that stands for its export.
const SET: (&str, &str) = SETS[0];

/// What an operator runs on the files `set.json` (as in Git), `cluster.yaml` (a dump) and `update.json` (a review).
const COMMANDS: [&str; 9] = [
    "\"$ORDINANCE_BINARY\" check --state cluster.yaml set.json",
    "\"$ORDINANCE_BINARY\" check --state cluster.yaml --fix - < set.json > fixed.json && cmp set.json fixed.json \
     && kubectl apply --filename=fixed.json",
    "cp cluster.yaml fixed.yaml; \"$ORDINANCE_BINARY\" check --fix fixed.yaml > report || test $? = 1; \
     cmp cluster.yaml fixed.yaml; grep 'share volume \"www\" now' report; grep 'help: to migrate' report",
    "\"$ORDINANCE_BINARY\" check --diff cluster.yaml > diff || test $? = 1; test ! -s diff",
    "\"$ORDINANCE_BINARY\" map --output json --state cluster.yaml set.json > map.json",
    "\"$ORDINANCE_BINARY\" review update.json > mutated.json",
    "\"$ORDINANCE_BINARY\" review --phase validate update.json > validated.json",
    "\"$ORDINANCE_BINARY\" migrate named --image nginx:1.27",
    "\"$ORDINANCE_BINARY\" migrate named --image nginx:1.27 --output script > migrate.sh && sh migrate.sh",
];

/// Every byte is still seen by the pods that wrote it, after every command and after updates that Ordinance admits.
pub async fn in_use(cluster: &mut NodeCluster<'_>) -> Result<()> {
    volumes(cluster).await?;
    create(cluster, SET.0).await?;
    let export = cluster.node().export(SERVER, SET.1, 0o755)?;
    let before = files(&export)?;
    ensure!(before.len() == 7, "{before:?}");
    let folder = tempfile::tempdir()?;
    inputs(cluster, folder.path()).await?;
    cluster.log_elapsed("a set shares a claim");
    for command in COMMANDS {
        run(cluster, folder.path(), command).await?;
        seen_by_each(cluster, &export, &before).await?;
    }
    answers(folder.path())?;
    cluster.log_elapsed("every command has run");
    let _ordinance = cluster.install().await?;
    run(cluster, folder.path(), "kubectl apply --filename=set.json").await?;
    seen_by_each(cluster, &export, &before).await?;
    run(cluster, folder.path(), &format!("kubectl rollout restart statefulset/{}", SET.0)).await?;
    run(cluster, folder.path(), &format!("kubectl rollout status statefulset/{} --timeout=90s", SET.0))
        .await?;
    seen_by_each(cluster, &export, &before).await?;
    cluster.log_elapsed("the set was applied and restarted behind the webhooks");
    Ok(())
}

/// Writes the set as it is in Git, a dump of the cluster, and the review of an update.
async fn inputs(cluster: &NodeCluster<'_>, folder: &Path) -> Result<()> {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": manifests(SET.0) });
    fs::write(folder.join("set.json"), list.to_string())?;
    run(cluster, folder, "kubectl get statefulsets,pvc,pv --all-namespaces --output=yaml > cluster.yaml")
        .await?;
    let stored = cluster.kubectl().ok(&format!("get statefulset {} --output=json", SET.0)).await?;
    let mut object: Value = serde_json::from_str(&stored)?;
    let old = object.clone();
    object["spec"]["template"]["metadata"]["annotations"] = json!({ "restarted": "now" });
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "apps", "version": "v1", "kind": "StatefulSet" },
            "resource": { "group": "apps", "version": "v1", "resource": "statefulsets" },
            "name": SET.0,
            "namespace": "default",
            "operation": "UPDATE",
            "object": object,
            "oldObject": old,
        },
    });
    Ok(fs::write(folder.join("update.json"), review.to_string())?)
}

/// Checks that the reviews of an update change nothing, and that the map shows the writers as they are.
fn answers(folder: &Path) -> Result<()> {
    let read =
        |name: &str| -> Result<Value> { Ok(serde_json::from_str(&fs::read_to_string(folder.join(name))?)?) };
    for name in ["mutated.json", "validated.json"] {
        let response = &read(name)?["response"];
        ensure!(response["allowed"] == true && response.get("patch").is_none(), "{name}: {response}");
    }
    let map = read("map.json")?;
    ensure!(map["before"] == map["writers"], "{map:#}");
    Ok(())
}

/// Checks that the files are the same, and that each pod sees those of both.
async fn seen_by_each(cluster: &NodeCluster<'_>, export: &Path, before: &Files) -> Result<()> {
    for reader in 0..2 {
        for writer in 0..2 {
            let file = format!("{PAGES}/of-{}-{writer}", SET.0);
            let seen = cluster.kubectl().ok(&format!("exec {}-{reader} -- cat {file}", SET.0)).await?;
            ensure!(seen.trim() == format!("of {}-{writer}", SET.0), "{file}: {seen:?}");
        }
    }
    are_kept(export, before)?;
    let now = files(export)?;
    let added: Vec<&PathBuf> = now.keys().filter(|path| !before.contains_key(*path)).collect();
    ensure!(added.is_empty(), "{added:?}");
    Ok(())
}
