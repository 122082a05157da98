//! Client certificates: with `--client-ca` Ordinance answers the API server and no other client.

use anyhow::{Result, bail, ensure};
use http::Request;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use ordinance_cluster::{Cluster, ClusterOptions, Installation, IssuedPair, Ordinance, until};
use ordinance_e2e::{STEP_TIMEOUT, Scenario, TestClusters, apply, nfs_set, nfs_volume};

/// The common name of the API server's client certificate.
const API_SERVER: &str = "kube-apiserver";

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::with_own_clusters("callers::accepts_the_api_server_by_its_certificate", with_certificate),
        Scenario::with_own_clusters(
            "callers::refuses_an_api_server_without_a_certificate",
            without_certificate,
        ),
    ]
}

/// Starts a cluster with an Ordinance that accepts only the API server. The API server has a client certificate if
/// `webhook_client` names it.
async fn with_client_ca(
    clusters: &TestClusters,
    webhook_client: Option<&str>,
) -> Result<(Cluster, Ordinance)> {
    let options =
        ClusterOptions { webhook_client: webhook_client.map(str::to_owned), ..ClusterOptions::default() };
    let cluster = clusters.cluster(&options).await?;
    let authority = cluster.folder().join("clients.crt");
    std::fs::write(&authority, cluster.authority().certificate())?;
    let arguments =
        vec![format!("--client-ca={}", authority.display()), format!("--allowed-name={API_SERVER}")];
    let installation = Installation { arguments, ..clusters.installation()? };
    let ordinance = Ordinance::install(&cluster, installation).await?;
    Ok((cluster, ordinance))
}

async fn with_certificate(clusters: &TestClusters) -> Result<()> {
    let (cluster, ordinance) = with_client_ca(clusters, Some(API_SERVER)).await?;
    let kubectl = cluster.access().kubectl();
    let set = nfs_set("default", "web", 2).to_string();
    until("the set to be isolated", STEP_TIMEOUT, async || {
        let create = "create --dry-run=server --output=json --filename=-".split(' ');
        Ok(kubectl.run_with_input(create, &set).await?.stdout.contains("subPathExpr").then_some(()))
    })
    .await?;
    apply(kubectl, &nfs_volume("first", "nas.example.com", "/srv/www")).await?;
    let second = nfs_volume("second", "nas.example.com", "/srv/www").to_string();
    let refusal = kubectl.apply(&second).await?.refusal()?;
    ensure!(refusal.contains("with PersistentVolume \"first\""), "{refusal}");
    let authority = cluster.authority();
    ensure!(
        status(&cluster, &ordinance, Some(authority.client(API_SERVER, None)?)).await? == 400,
        "the API server got no answer"
    );
    for stranger in [None, Some(authority.client("admin", Some("system:masters"))?)] {
        let Err(_) = status(&cluster, &ordinance, stranger).await else {
            bail!("an unknown client was answered")
        };
    }
    Ok(())
}

async fn without_certificate(clusters: &TestClusters) -> Result<()> {
    let (cluster, _ordinance) = with_client_ca(clusters, None).await?;
    let set = nfs_set("default", "web", 2).to_string();
    // The alert may close the connection while the API server still writes: then the error names the connection, not TLS.
    until("the set to be refused because of TLS", STEP_TIMEOUT, async || {
        let create = "create --dry-run=server --filename=-".split(' ');
        let outcome = cluster.access().kubectl().run_with_input(create, &set).await?;
        let Ok(refusal) = outcome.refusal() else { return Ok(None) };
        ensure!(refusal.contains("failed calling webhook"), "{refusal}");
        Ok(refusal.contains("tls: ").then_some(()))
    })
    .await
}

/// Sends a request that is no review, and returns the HTTP status.
async fn status(cluster: &Cluster, ordinance: &Ordinance, caller: Option<IssuedPair>) -> Result<u16> {
    let there = cluster.kubeconfig().by(ordinance.address());
    let text = caller.map_or_else(|| there.with_token("none"), |pair| there.with_pair(&pair));
    let file = Kubeconfig::from_yaml(&text)?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.accept_invalid_certs = true;
    let request = Request::post("/validate/storage").header("Content-Type", "application/json");
    let answer = Client::try_from(config)?.send(request.body(Body::from(b"{}".to_vec()))?).await?;
    Ok(answer.status().as_u16())
}
