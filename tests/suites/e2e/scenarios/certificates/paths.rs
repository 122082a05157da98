//! The secret token in the paths of the webhooks.

use super::command::Certs;
use super::installation::{REPAIR_TIMEOUT, dry_run, fail_closed, installed, webhooks};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use ordinance_cluster::{ClusterAccess, ClusterOptions, until};
use ordinance_e2e::{STEP_TIMEOUT, TestClusters, posted_status};
use serde_json::json;

/// Only paths with the token are answered. The token survives `kubectl apply`, and is replaced with the CA without a failed
/// request.
pub async fn paths(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let ordinance = installed(clusters, &cluster, &json!({ "wait": "2s", "look": "200ms" }), 2).await?;
    let (access, certs) = (cluster.access(), Certs::new(clusters, cluster.access())?);
    let status = async |path: &str| posted_status(&cluster, &ordinance, None, path).await;
    let former = secret_path(access).await?;
    for (path, expected) in [(former.as_str(), 400), ("/validate/storage", 404), ("/validate/unknown", 404)] {
        ensure!(status(path).await? == expected, "{path} is not answered with {expected}");
    }
    access.kubectl().apply(&clusters.installation()?.manifest.whole()).await?.ok()?;
    dry_run(access, "load", "/srv/load").await?;
    fail_closed(access).await?;
    ensure!(secret_path(access).await? == former, "`kubectl apply` changed the path");
    ensure!(certs.rotate("")? == "Publish");
    until("the switch to the next token", STEP_TIMEOUT, async || {
        dry_run(access, "load", "/srv/load").await?;
        Ok((certs.phase()? == "Drain" && secret_path(access).await.is_ok_and(|path| path != former))
            .then_some(()))
    })
    .await?;
    ensure!(status(&former).await? == 400, "the former token is not accepted any more");
    ensure!(certs.rotate("--force")? == "Shrink");
    until("the end of the former token", REPAIR_TIMEOUT, async || {
        dry_run(access, "load", "/srv/load").await?;
        Ok((status(&former).await? == 404).then_some(()))
    })
    .await
}

/// Returns the path of the validating webhooks, after a check that every webhook has the token of the Secret.
async fn secret_path(access: &ClusterAccess) -> Result<String> {
    let secrets: Api<Secret> = Api::namespaced(access.client(), "ordinance-system");
    let data = secrets.get("ordinance-ca").await?.data.unwrap_or_default();
    let token = String::from_utf8(data.get("current.token").context("no token")?.0.clone())?;
    for webhook in webhooks(access).await? {
        let path = webhook["clientConfig"]["service"]["path"].as_str().unwrap_or_default();
        let base = path.strip_prefix(&format!("/{token}")).unwrap_or_default();
        ensure!(["/mutate/storage", "/validate/storage"].contains(&base), "{}: {path}", webhook["name"]);
    }
    Ok(format!("/{token}/validate/storage"))
}
