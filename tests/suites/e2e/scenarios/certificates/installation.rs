//! An installation with a self-managed CA: starts it, sends objects to it, and reads its webhook configurations.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{PersistentVolume, Secret};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use ordinance_cluster::{Cluster, ClusterAccess, Installation, Ordinance, StartMode, until};
use ordinance_e2e::{TestClusters, nfs_volume};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a first start, or the repair of an edited configuration, may take.
pub const REPAIR_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause between two objects of the load.
pub const PAUSE: Duration = Duration::from_millis(50);

/// Applies the whole manifest and starts replicas with a self-managed CA. Returns as soon as the webhooks fail closed.
pub async fn installed(
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

pub fn installation(
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

pub async fn create(access: &ClusterAccess, name: &str, path: &str) -> Result<()> {
    volume(access, &PostParams::default(), name, path).await
}

pub async fn dry_run(access: &ClusterAccess, name: &str, path: &str) -> Result<()> {
    volume(access, &PostParams { dry_run: true, ..PostParams::default() }, name, path).await
}

async fn volume(access: &ClusterAccess, params: &PostParams, name: &str, path: &str) -> Result<()> {
    let volumes: Api<PersistentVolume> = Api::all(access.client());
    let volume = serde_json::from_value(nfs_volume(name, "nas.example.com", path))?;
    volumes.create(params, &volume).await?;
    Ok(())
}

/// Checks that a second volume on the directory of the stored volume `first` is refused.
pub async fn is_refused(access: &ClusterAccess) -> Result<()> {
    let refusal = dry_run(access, "second", "/srv/www").await.err().context("the volume was accepted")?;
    ensure!(format!("{refusal:#}").contains("with PersistentVolume \"first\""), "{refusal:#}");
    Ok(())
}

/// Waits until every failure policy is the intended one, and every bundle contains the CA.
pub async fn fail_closed(access: &ClusterAccess) -> Result<()> {
    until("the intended failure policies", REPAIR_TIMEOUT, async || {
        let trusted = authority(access).await?;
        let is_trusted = bundles(access).await?.iter().all(|bundle| bundle.contains(&trusted));
        Ok((is_trusted && policies(access).await? == intended(access).await?).then_some(()))
    })
    .await
}

pub async fn are_ready(ordinance: &mut Ordinance) -> Result<()> {
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

/// Returns the webhooks of both configurations.
pub async fn webhooks(access: &ClusterAccess) -> Result<Vec<Value>> {
    let configurations = configurations(access).await?;
    let webhooks = configurations.iter().flat_map(|found| found["webhooks"].as_array().into_iter().flatten());
    Ok(webhooks.cloned().collect())
}

/// Returns the failure policies by the names of the webhooks.
pub async fn policies(access: &ClusterAccess) -> Result<BTreeMap<String, Value>> {
    let name = |webhook: &Value| webhook["name"].as_str().unwrap_or_default().to_owned();
    Ok(webhooks(access)
        .await?
        .iter()
        .map(|webhook| (name(webhook), webhook["failurePolicy"].clone()))
        .collect())
}

/// Returns the failure policies that the annotations of the configurations announce.
pub async fn intended(access: &ClusterAccess) -> Result<BTreeMap<String, Value>> {
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
pub async fn generation(access: &ClusterAccess) -> Result<[i64; 2]> {
    let configurations = configurations(access).await?;
    Ok(configurations.map(|found| found["metadata"]["generation"].as_i64().unwrap_or_default()))
}

/// Returns every `caBundle` as PEM.
pub async fn bundles(access: &ClusterAccess) -> Result<Vec<String>> {
    let (mutating, validating) = (mutating(access).await?, validating(access).await?);
    let mutating = mutating.webhooks.into_iter().flatten().map(|webhook| webhook.client_config);
    let validating = validating.webhooks.into_iter().flatten().map(|webhook| webhook.client_config);
    let bundle = mutating.chain(validating).map(|config| config.ca_bundle.unwrap_or_default().0);
    Ok(bundle.map(String::from_utf8).collect::<Result<_, _>>()?)
}

/// Returns the CA that signs, as PEM; empty before the first one exists.
pub async fn authority(access: &ClusterAccess) -> Result<String> {
    let secrets: Api<Secret> = Api::namespaced(access.client(), "ordinance-system");
    let data = secrets.get("ordinance-ca").await?.data.unwrap_or_default();
    let current = data.get("current.crt").map(|bytes| bytes.0.clone()).unwrap_or_default();
    Ok(String::from_utf8(current)?)
}

/// Replaces every bundle of the validating webhooks, as another client might.
pub async fn overwrite(access: &ClusterAccess, bundle: &str) -> Result<()> {
    let api: Api<ValidatingWebhookConfiguration> = Api::all(access.client());
    let mut configuration = validating(access).await?;
    for webhook in configuration.webhooks.iter_mut().flatten() {
        webhook.client_config.ca_bundle = Some(k8s_openapi::ByteString(bundle.as_bytes().to_vec()));
    }
    let patch = json!({ "webhooks": configuration.webhooks });
    api.patch("ordinance", &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(())
}
