//! The self-managed CA: created at the first start, rotated while objects are created, and restored in webhook
//! configurations that another client edits or deletes.

mod command;
mod killed;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{PersistentVolume, Secret};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use ordinance_cluster::{Cluster, ClusterAccess, ClusterOptions, Installation, Ordinance, StartMode, until};
use ordinance_e2e::{STEP_TIMEOUT, Scenario, TestClusters, nfs_volume};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a first start, or the repair of an edited configuration, may take.
const REPAIR_TIMEOUT: Duration = Duration::from_secs(10);

/// The folder `deploy` of the checkout.
const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy");

/// The number of CA rotations under load.
const ROTATIONS: usize = 2;

/// The pause between two objects of the load.
const PAUSE: Duration = Duration::from_millis(50);

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
    let (access, mut authorities, mut asked) =
        (cluster.access(), vec![authority(cluster.access()).await?], 0);
    let end = Instant::now() + STEP_TIMEOUT * 3;
    while authorities.len() <= ROTATIONS {
        ensure!(Instant::now() < end, "{} rotations in three times {STEP_TIMEOUT:?}", authorities.len() - 1);
        for _ in 0..10 {
            let created = dry_run(access, "load", &format!("/srv/{asked}")).await;
            created.with_context(|| format!("object {asked}, after {} rotations", authorities.len() - 1))?;
            asked += 1;
            tokio::time::sleep(PAUSE).await;
        }
        authorities.push(authority(access).await?);
        authorities.dedup();
        are_ready(&mut ordinance).await?;
    }
    ensure!(asked > 200, "only {asked} objects were created meanwhile");
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

/// Applies the whole manifest and starts replicas with a self-managed CA. Returns as soon as the webhooks fail closed.
async fn installed(
    clusters: &TestClusters,
    cluster: &Cluster,
    times: &Value,
    replicas: usize,
) -> Result<Ordinance> {
    let installation = installation(clusters, cluster, times, replicas)?;
    cluster.access().kubectl().apply(&installation.manifest.whole()).await?.ok()?;
    let ordinance = Ordinance::start(cluster, installation).await?;
    fail_closed(cluster.access()).await?;
    Ok(ordinance)
}

fn installation(
    clusters: &TestClusters,
    cluster: &Cluster,
    times: &Value,
    replicas: usize,
) -> Result<Installation> {
    let mut managed = json!({ "namespace": "ordinance-system" });
    for (name, time) in times.as_object().into_iter().flatten() {
        managed[name] = time.clone();
    }
    let config = json!({ "certificate": { "source": "self-managed", "selfManaged": managed } });
    let file = cluster.folder().join("ordinance.config.json");
    std::fs::write(&file, config.to_string())?;
    let arguments = vec![format!("--config={}", file.display())];
    Ok(Installation { replicas, start: StartMode::Bare, arguments, ..clusters.installation()? })
}

async fn create(access: &ClusterAccess, name: &str, path: &str) -> Result<()> {
    volume(access, &PostParams::default(), name, path).await
}

async fn dry_run(access: &ClusterAccess, name: &str, path: &str) -> Result<()> {
    volume(access, &PostParams { dry_run: true, ..PostParams::default() }, name, path).await
}

async fn volume(access: &ClusterAccess, params: &PostParams, name: &str, path: &str) -> Result<()> {
    let volumes: Api<PersistentVolume> = Api::all(access.client());
    let volume = serde_json::from_value(nfs_volume(name, "nas.example.com", path))?;
    volumes.create(params, &volume).await?;
    Ok(())
}

/// Checks that a second volume on the directory of the stored volume `first` is refused.
async fn is_refused(access: &ClusterAccess) -> Result<()> {
    let refusal = dry_run(access, "second", "/srv/www").await.err().context("the volume was accepted")?;
    ensure!(format!("{refusal:#}").contains("with PersistentVolume \"first\""), "{refusal:#}");
    Ok(())
}

/// Waits until every failure policy is the intended one, and every bundle contains the CA.
async fn fail_closed(access: &ClusterAccess) -> Result<()> {
    until("the intended failure policies", REPAIR_TIMEOUT, async || {
        let trusted = authority(access).await?;
        let is_trusted = bundles(access).await?.iter().all(|bundle| bundle.contains(&trusted));
        Ok((is_trusted && policies(access).await? == intended(access).await?).then_some(()))
    })
    .await
}

async fn are_ready(ordinance: &mut Ordinance) -> Result<()> {
    for replica in ordinance.replicas() {
        replica.process().check()?;
        replica.ask("/readyz").await.context("a replica is not ready")?;
    }
    Ok(())
}

async fn mutating(access: &ClusterAccess) -> Result<MutatingWebhookConfiguration> {
    Ok(Api::all(access.client()).get("ordinance").await?)
}

async fn validating(access: &ClusterAccess) -> Result<ValidatingWebhookConfiguration> {
    Ok(Api::all(access.client()).get("ordinance").await?)
}

/// Returns both configurations as JSON: the used fields of both kinds are the same.
async fn configurations(access: &ClusterAccess) -> Result<[Value; 2]> {
    let (mutating, validating) = (mutating(access).await?, validating(access).await?);
    Ok([serde_json::to_value(mutating)?, serde_json::to_value(validating)?])
}

async fn webhooks(access: &ClusterAccess) -> Result<Vec<Value>> {
    let configurations = configurations(access).await?;
    let webhooks = configurations.iter().flat_map(|found| found["webhooks"].as_array().into_iter().flatten());
    Ok(webhooks.cloned().collect())
}

/// Returns the failure policies by the names of the webhooks.
async fn policies(access: &ClusterAccess) -> Result<BTreeMap<String, Value>> {
    let name = |webhook: &Value| webhook["name"].as_str().unwrap_or_default().to_owned();
    Ok(webhooks(access)
        .await?
        .iter()
        .map(|webhook| (name(webhook), webhook["failurePolicy"].clone()))
        .collect())
}

/// Returns the failure policies that the annotations of the configurations announce.
async fn intended(access: &ClusterAccess) -> Result<BTreeMap<String, Value>> {
    let mut intended = BTreeMap::new();
    for configuration in configurations(access).await? {
        let text = &configuration["metadata"]["annotations"]["ordinance.dev/failure-policies"];
        let policies: BTreeMap<String, Value> = serde_json::from_str(
            text.as_str().context("a configuration without intended failure policies")?,
        )?;
        intended.extend(policies);
    }
    Ok(intended)
}

/// Returns how often the webhooks of each configuration were written.
async fn generation(access: &ClusterAccess) -> Result<[i64; 2]> {
    let configurations = configurations(access).await?;
    Ok(configurations.map(|found| found["metadata"]["generation"].as_i64().unwrap_or_default()))
}

/// Returns every `caBundle` as PEM.
async fn bundles(access: &ClusterAccess) -> Result<Vec<String>> {
    let (mutating, validating) = (mutating(access).await?, validating(access).await?);
    let mutating = mutating.webhooks.into_iter().flatten().map(|webhook| webhook.client_config);
    let validating = validating.webhooks.into_iter().flatten().map(|webhook| webhook.client_config);
    let bundle = mutating.chain(validating).map(|config| config.ca_bundle.unwrap_or_default().0);
    Ok(bundle.map(String::from_utf8).collect::<Result<_, _>>()?)
}

/// Returns the CA that signs, as PEM; empty before the first one exists.
async fn authority(access: &ClusterAccess) -> Result<String> {
    let secrets: Api<Secret> = Api::namespaced(access.client(), "ordinance-system");
    let data = secrets.get("ordinance-ca").await?.data.unwrap_or_default();
    let current = data.get("current.crt").map(|bytes| bytes.0.clone()).unwrap_or_default();
    Ok(String::from_utf8(current)?)
}

/// Replaces every bundle of the validating webhooks, as another client might.
async fn overwrite(access: &ClusterAccess, bundle: &str) -> Result<()> {
    let api: Api<ValidatingWebhookConfiguration> = Api::all(access.client());
    let mut configuration = validating(access).await?;
    for webhook in configuration.webhooks.iter_mut().flatten() {
        webhook.client_config.ca_bundle = Some(k8s_openapi::ByteString(bundle.as_bytes().to_vec()));
    }
    let patch = json!({ "webhooks": configuration.webhooks });
    api.patch("ordinance", &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(())
}
