//! The self-managed CA: created at the first start, rotated while objects are created, and restored in webhook
//! configurations that another client edits or deletes.

mod command;
pub mod installation;
mod killed;
mod paths;

use anyhow::{Context, Result, ensure};
use installation::{
    PAUSE, REPAIR_TIMEOUT, are_ready, authority, bundles, create, dry_run, fail_closed, generation,
    installation, installed, intended, is_refused, overwrite, policies,
};
use ordinance_cluster::{ClusterOptions, Installation, Ordinance, StartMode, until};
use ordinance_e2e::{STEP_TIMEOUT, Scenario, TestClusters};
use serde_json::json;
use std::time::Instant;

/// The folder `deploy` of the checkout.
const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy");

/// The number of CA rotations under load.
const ROTATIONS: usize = 2;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::with_own_clusters(
            "certificates::first_start_lets_requests_pass_and_then_fails_closed",
            first_start,
        ),
        Scenario::with_own_clusters("certificates::rotates_the_ca_while_objects_are_created", rotation),
        Scenario::with_own_clusters("certificates::repairs_an_overwritten_bundle", overwritten),
        Scenario::with_own_clusters("certificates::repairs_recreated_webhook_configurations", recreated),
        Scenario::with_own_clusters("certificates::helm_upgrade_keeps_the_failure_policies", upgrade),
        Scenario::with_own_clusters(
            "certificates::restores_failure_policies_after_the_manifest_is_applied_again",
            applied_again,
        ),
        Scenario::with_own_clusters(
            "certificates::certs_command_shows_verifies_and_rotates",
            command::command,
        ),
        Scenario::with_own_clusters("certificates::answers_only_paths_with_the_token", paths::paths),
        Scenario::with_own_clusters(
            "certificates::killing_the_leader_during_a_rotation_fails_no_request",
            killed::leader,
        ),
    ]
}

async fn first_start(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let access = cluster.access();
    let installation = installation(clusters, &cluster, &json!({}), 2)?;
    access.kubectl().apply(&installation.manifest.whole()).await?.ok()?;
    create(access, "first", "/srv/www")
        .await
        .context("without a webhook that answers, creations must succeed")?;
    let begun = Instant::now();
    let _ordinance = Ordinance::start(&cluster, installation.clone()).await?;
    ensure!(begun.elapsed() < REPAIR_TIMEOUT, "two replicas took {:?} to be ready", begun.elapsed());
    fail_closed(access).await?;
    is_refused(access).await
}

/// The leader notices what `kubectl apply` has written, and restores the intended failure policies.
async fn applied_again(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let _ordinance = installed(clusters, &cluster, &json!({}), 2).await?;
    let (access, manifest) = (cluster.access(), clusters.installation()?.manifest);
    let (before, trusted) = (generation(access).await?, bundles(access).await?);
    let begun = Instant::now();
    access.kubectl().apply(&manifest.whole()).await?.ok()?;
    fail_closed(access).await?;
    ensure!(begun.elapsed() < REPAIR_TIMEOUT, "the repair took {:?}", begun.elapsed());
    // The manifest sets the intended policies of the mutating webhooks, so they are not written at all.
    let [mutating, validating] = before;
    let (after, twice) = (generation(access).await?, [mutating, validating + 2]);
    ensure!(
        after == twice,
        "expected the generations {twice:?} after one change and one repair, found {after:?}"
    );
    ensure!(bundles(access).await? == trusted, "the manifest removed bundles");
    create(access, "first", "/srv/www").await?;
    is_refused(access).await
}

async fn rotation(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let fast = json!({ "authorityLifetime": "30s", "leafLifetime": "6s", "wait": "2s", "look": "200ms" });
    let mut ordinance = installed(clusters, &cluster, &fast, 3).await?;
    let (access, mut authorities, mut created) =
        (cluster.access(), vec![authority(cluster.access()).await?], 0);
    let end = Instant::now() + STEP_TIMEOUT * 3;
    while authorities.len() <= ROTATIONS {
        ensure!(Instant::now() < end, "{} rotations in three times {STEP_TIMEOUT:?}", authorities.len() - 1);
        for _ in 0..10 {
            let result = dry_run(access, "load", &format!("/srv/{created}")).await;
            result.with_context(|| format!("object {created}, after {} rotations", authorities.len() - 1))?;
            created += 1;
            tokio::time::sleep(PAUSE).await;
        }
        authorities.push(authority(access).await?);
        authorities.dedup();
        are_ready(&mut ordinance).await?;
    }
    ensure!(created > 200, "only {created} objects were created meanwhile");
    Ok(())
}

async fn overwritten(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let mut ordinance = installed(clusters, &cluster, &json!({}), 2).await?;
    let access = cluster.access();
    for _ in 0..3 {
        overwrite(access, cluster.authority().certificate()).await?;
        let begun = Instant::now();
        until("the repair of the bundles", STEP_TIMEOUT, async || {
            are_ready(&mut ordinance).await?;
            let trusted = authority(access).await?;
            Ok((bundles(access).await?.iter().all(|bundle| *bundle == trusted)).then_some(()))
        })
        .await?;
        ensure!(begun.elapsed() < REPAIR_TIMEOUT, "the repair took {:?}", begun.elapsed());
    }
    create(access, "first", "/srv/www").await?;
    is_refused(access).await
}

async fn recreated(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let mut ordinance = installed(clusters, &cluster, &json!({}), 2).await?;
    let access = cluster.access();
    create(access, "first", "/srv/www").await?;
    let delete = "delete validatingwebhookconfigurations,mutatingwebhookconfigurations ordinance";
    access.kubectl().ok(delete).await?;
    until("the API server to call no webhook", STEP_TIMEOUT, async || {
        Ok(dry_run(access, "second", "/srv/www").await.ok())
    })
    .await?;
    are_ready(&mut ordinance).await?;
    let webhooks = clusters.installation()?.manifest.own_webhooks();
    access.kubectl().apply(&webhooks).await?.ok()?;
    fail_closed(access).await?;
    are_ready(&mut ordinance).await?;
    is_refused(access).await
}

/// An upgrade with unchanged values writes no webhook of the configurations.
async fn upgrade(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let access = cluster.access();
    access.kubectl().ok(&format!("apply --filename={DEPLOY}/namespace.yaml")).await?;
    let flags = format!("ordinance {DEPLOY}/chart/ordinance --namespace=ordinance-system --wait");
    cluster.helm().ok(&format!("install {flags}")).await?;
    let installation = Installation { start: StartMode::Container, ..clusters.installation()? };
    let _ordinance = Ordinance::start(&cluster, installation).await?;
    fail_closed(access).await?;
    let before = generation(access).await?;
    cluster.helm().ok(&format!("upgrade {flags}")).await?;
    ensure!(generation(access).await? == before, "the upgrade wrote webhooks");
    ensure!(policies(access).await? == intended(access).await?, "the upgrade loosened failure policies");
    Ok(())
}
