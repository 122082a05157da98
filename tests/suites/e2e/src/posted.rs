//! Requests to a replica from another client than the API server.

use anyhow::Result;
use http::Request;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use ordinance_cluster::{Cluster, IssuedPair, Ordinance};

/// Sends a request that is no review, and returns the HTTP status: 400 if the replica accepts the caller.
///
/// # Errors
///
/// Returns an error if the replica does not answer.
pub async fn posted_status(
    cluster: &Cluster,
    ordinance: &Ordinance,
    caller: Option<IssuedPair>,
    path: &str,
) -> Result<u16> {
    let there = cluster.kubeconfig().by(ordinance.address());
    let text = caller.map_or_else(|| there.with_token("none"), |pair| there.with_pair(&pair));
    let file = Kubeconfig::from_yaml(&text)?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.accept_invalid_certs = true;
    let request = Request::post(path).header("Content-Type", "application/json");
    let answer = Client::try_from(config)?.send(request.body(Body::from(b"{}".to_vec()))?).await?;
    Ok(answer.status().as_u16())
}
