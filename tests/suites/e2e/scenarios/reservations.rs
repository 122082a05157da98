//! The custom resource in a real API server: what is reserved, how kubectl shows it, and what happens without it.

use crate::certificates::installation::{create, dry_run, installed};
use anyhow::{Context, Result, ensure};
use ordinance_cluster::{ClusterAccess, ClusterOptions, Ordinance, until};
use ordinance_e2e::{STEP_TIMEOUT, Scenario, TestClusters};
use serde_json::json;
use std::time::Duration;

/// How long Ordinance may take to notice that the API server serves reservations again: it asks every 30 s.
const RETURN_TIMEOUT: Duration = Duration::from_secs(60);

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::with_own_clusters("reservations::only_a_new_volume_is_reserved", reserved),
        Scenario::with_own_clusters("reservations::volumes_are_created_without_the_resource", missing),
    ]
}

async fn reserved(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let _ordinance = installed(clusters, &cluster, &json!({}), 2).await?;
    let access = cluster.access();
    create(access, "first", "/srv/www").await?;
    let table = access.kubectl().ok("get reservations").await?;
    ensure!(table.contains("persistentvolumes") && table.contains("first"), "{table}");
    let [name] = &*names(access, "").await? else { anyhow::bail!("not one reservation: {table}") };
    let realm = |realm: &str| format!("--field-selector=spec.realm={realm}");
    ensure!(names(access, &realm("nfs://nas.example.com")).await?.len() == 1, "the realm has none");
    ensure!(names(access, &realm("nfs://other.example.com")).await?.is_empty(), "another realm has one");
    is_immutable(access, name).await?;
    // Denied, a dry run, and an update.
    let refusal = create(access, "second", "/srv/www").await.err().context("the volume was accepted")?;
    ensure!(format!("{refusal:#}").contains("first"), "{refusal:#}");
    dry_run(access, "third", "/srv/third").await?;
    access.kubectl().ok("label persistentvolume first tier=web").await?;
    ensure!(names(access, "").await?.len() == 1, "more than one is reserved");
    Ok(())
}

async fn is_immutable(access: &ClusterAccess, name: &str) -> Result<()> {
    let patch = r#"--patch={"spec":{"realm":"nfs://other"}}"#;
    let ran = access.kubectl().run(["patch", name, "--type=merge", patch]).await?;
    ensure!(!ran.success && ran.stderr.contains("a reservation can't be changed"), "{}", ran.stderr);
    Ok(())
}

/// Without the resource, a volume is admitted on what is stored, and the metric says so.
async fn missing(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let mut ordinance = installed(clusters, &cluster, &json!({}), 2).await?;
    let access = cluster.access();
    are_available(&mut ordinance, 1, STEP_TIMEOUT).await?;
    let definition = "customresourcedefinition reservations.ordinance.dev";
    let yaml = access.kubectl().ok(&format!("get {definition} --output=json")).await?;
    access.kubectl().ok(&format!("delete {definition}")).await?;
    create(access, "first", "/srv/www").await?;
    are_available(&mut ordinance, 0, STEP_TIMEOUT).await?;
    create(access, "second", "/srv/other").await?;
    access.kubectl().apply(&yaml).await?.ok()?;
    are_available(&mut ordinance, 1, RETURN_TIMEOUT).await?;
    create(access, "third", "/srv/third").await?;
    ensure!(names(access, "").await?.len() == 1, "nothing is reserved again");
    Ok(())
}

/// Waits until every replica says whether the API server takes reservations.
async fn are_available(ordinance: &mut Ordinance, available: u8, timeout: Duration) -> Result<()> {
    let line = format!(r#"ordinance_reservations_available{{policy="storage"}} {available}"#);
    for replica in ordinance.replicas() {
        until(&line, timeout, async || {
            Ok(replica.metrics().await?.lines().any(|found| found == line).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Returns the reservations as `resource/name`.
async fn names(access: &ClusterAccess, flag: &str) -> Result<Vec<String>> {
    let found = access.kubectl().ok(format!("get ordres --output=name {flag}").trim()).await?;
    Ok(found.lines().map(str::to_owned).collect())
}
