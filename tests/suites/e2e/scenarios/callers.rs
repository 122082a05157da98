//! Client certificates: with `--client-ca` Ordinance answers the API server and no other client.

use anyhow::{Result, bail, ensure};
use ordinance_cluster::{Cluster, ClusterOptions, Installation, Ordinance, until};
use ordinance_e2e::{STEP_TIMEOUT, Scenario, TestClusters, apply, nfs_set, nfs_volume, posted_status};

/// The common name of the API server's client certificate.
const API_SERVER: &str = "kube-apiserver";

/// The path of the validating webhooks.
const PATH: &str = "/validate/storage";

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
        posted_status(&cluster, &ordinance, Some(authority.client(API_SERVER, None)?), PATH).await? == 400,
        "the API server got no answer"
    );
    for stranger in [None, Some(authority.client("admin", Some("system:masters"))?)] {
        let Err(_) = posted_status(&cluster, &ordinance, stranger, PATH).await else {
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
