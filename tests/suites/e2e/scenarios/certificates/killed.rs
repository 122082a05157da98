//! A rotation of the CA whose leader is killed: another replica finishes it.

use super::command::Certs;
use super::installation::{PAUSE, are_ready, authority, dry_run, installed};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use ordinance_cluster::{ClusterAccess, ClusterOptions, Ordinance};
use ordinance_e2e::{STEP_TIMEOUT, TestClusters};
use serde_json::json;
use std::time::Instant;

pub async fn leader(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let times = json!({ "authorityLifetime": "1h", "leafLifetime": "6s", "wait": "3s", "look": "200ms" });
    let mut ordinance = installed(clusters, &cluster, &times, 3).await?;
    let (access, certs) = (cluster.access(), Certs::new(clusters, cluster.access())?);
    let first = authority(access).await?;
    ensure!(certs.rotate("")? == "Publish");
    for phase in ["Wait", "Drain"] {
        load_until(access, &certs, phase).await?;
        kill(&mut ordinance, access).await.with_context(|| format!("in {phase}"))?;
    }
    load_until(access, &certs, "Steady").await?;
    ensure!(authority(access).await? != first, "no replica finished the rotation");
    ensure!(ordinance.replicas().len() == 1);
    are_ready(&mut ordinance).await
}

/// Creates objects, all of which must be accepted, until the rotation reaches a phase.
async fn load_until(access: &ClusterAccess, certs: &Certs, phase: &str) -> Result<()> {
    let end = Instant::now() + STEP_TIMEOUT;
    while certs.phase()? != phase {
        ensure!(Instant::now() < end, "the rotation did not reach {phase}");
        dry_run(access, "load", "/srv/load").await.with_context(|| format!("an object, before {phase}"))?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Removes the leader from the Service, since its lost requests are not under test here, and kills it.
async fn kill(ordinance: &mut Ordinance, access: &ClusterAccess) -> Result<()> {
    let holder = holder(access).await?;
    let pid = holder.split('_').nth(1).and_then(|pid| pid.parse().ok());
    ensure!(pid.is_some(), "{holder} names no process");
    let mut pids = ordinance.replicas().iter_mut().map(|replica| replica.process().pid());
    let index = pids.position(|found| found == pid).with_context(|| format!("{holder} is not a replica"))?;
    let mut leader = ordinance.remove(index).context("no such replica")?;
    leader.process().kill();
    Ok(())
}

async fn holder(access: &ClusterAccess) -> Result<String> {
    let leases: Api<Lease> = Api::namespaced(access.client(), "ordinance-system");
    let spec = leases.get("ordinance").await?.spec.context("an empty Lease")?;
    spec.holder_identity.context("no replica holds the Lease")
}
