//! Several replicas behind one Service. Each learns from its watches what another replica admitted, and what happened
//! while it was down.

use crate::load::Load;
use anyhow::{Result, ensure};
use http::Request;
use ordinance_cluster::{
    ClusterAccess, ClusterOptions, CommandOutput, ControlPlanePart, Installation, Ordinance, ServiceProxy,
    until,
};
use ordinance_e2e::{STEP_TIMEOUT, Scenario, TestClusters, nfs_set, nfs_volume};

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::with_own_clusters("replicas::knows_existing_objects_after_a_restart", restart),
        Scenario::with_own_clusters("replicas::learns_what_another_replica_admitted", learns_from_watches),
        Scenario::with_own_clusters("replicas::forgets_a_deleted_volume", deleted),
        Scenario::with_own_clusters(
            "replicas::watches_again_after_an_api_server_restart",
            api_server_restart,
        ),
        Scenario::with_own_clusters(
            "replicas::a_rolling_restart_under_load_loses_no_request",
            restart_under_load,
        ),
        Scenario::with_own_clusters("replicas::refuses_while_its_watches_are_silent", silent_watches),
    ]
}

async fn restart(clusters: &TestClusters) -> Result<()> {
    let (cluster, mut ordinance) = clusters.installed(1).await?;
    create(cluster.access(), "first", "/srv/www").await?;
    ordinance.stop();
    ordinance.resume().await?;
    refused(cluster.access(), "second", "/srv/www", "first").await
}

/// In each of three rounds two replicas are killed after a volume was created. The third knows the volume at least from
/// its watch.
async fn learns_from_watches(clusters: &TestClusters) -> Result<()> {
    let (cluster, mut ordinance) = clusters.installed(3).await?;
    for stays in 0..3 {
        let (name, path) = (format!("pv-{stays}"), format!("/srv/{stays}"));
        create(cluster.access(), &name, &path).await?;
        for (_, replica) in ordinance.replicas().iter_mut().enumerate().filter(|(index, _)| *index != stays) {
            replica.process().kill();
        }
        refused(cluster.access(), "another", &path, &name).await?;
        ordinance.resume().await?;
    }
    Ok(())
}

async fn deleted(clusters: &TestClusters) -> Result<()> {
    let (cluster, _ordinance) = clusters.installed(2).await?;
    create(cluster.access(), "first", "/srv/www").await?;
    refused(cluster.access(), "second", "/srv/www", "first").await?;
    cluster.access().kubectl().ok("delete persistentvolume first").await?;
    until("the second volume to be accepted", STEP_TIMEOUT, async || {
        Ok(dry_run(cluster.access(), "second", "/srv/www").await?.ok().ok())
    })
    .await
    .map(|_| ())
}

async fn api_server_restart(clusters: &TestClusters) -> Result<()> {
    let (mut cluster, _ordinance) = clusters.installed(1).await?;
    create(cluster.access(), "first", "/srv/www").await?;
    let access = cluster.access().clone();
    // Controllers end if they lose the API server while they start. On a node the kubelet would restart them.
    cluster.control_plane().part(ControlPlanePart::Controllers).kill();
    cluster.control_plane().part(ControlPlanePart::ApiServer).kill();
    cluster.control_plane().part(ControlPlanePart::ApiServer).resume()?;
    cluster.control_plane().ready(&access).await?;
    cluster.control_plane().part(ControlPlanePart::Controllers).resume()?;
    refused(&access, "second", "/srv/www", "first").await?;
    access.kubectl().ok("delete persistentvolume first").await?;
    until("the watch to be back", STEP_TIMEOUT, async || {
        Ok(dry_run(&access, "second", "/srv/www").await?.ok().ok())
    })
    .await
    .map(|_| ())
}

/// Restarts the replicas one after the other, as a Deployment does, while the load goes on.
async fn restart_under_load(clusters: &TestClusters) -> Result<()> {
    let mut cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let installation = Installation {
        replicas: 3,
        arguments: vec!["--drain-delay=2s".to_owned()],
        ..clusters.installation()?
    };
    let mut ordinance = Ordinance::install(&cluster, installation).await?;
    until("the API server to call the webhooks", STEP_TIMEOUT, async || {
        let set = nfs_set("default", "probe", 2).to_string();
        let ran = cluster
            .access()
            .kubectl()
            .run_with_input("create --dry-run=server --filename=- --output=json".split(' '), &set);
        Ok(ran.await?.stdout.contains("subPathExpr").then_some(()))
    })
    .await?;
    // The controllers would create thousands of pods.
    cluster.control_plane().part(ControlPlanePart::Controllers).kill();
    let load = Load::start(&cluster.access().client());
    ordinance.restart(&cluster).await?;
    ordinance.restart(&cluster).await?;
    let requests = load.finish().await?;
    ensure!(requests > 100, "only {requests} requests were sent meanwhile");
    let metrics = cluster.access().client().request_text(Request::get("/metrics").body(Vec::new())?).await?;
    let lost = metrics.lines().filter(|line| line.contains(".ordinance.dev\"") && is_lost(line));
    let lost: Vec<&str> = lost.collect();
    ensure!(lost.is_empty(), "{lost:#?}");
    Ok(())
}

/// Whether a metric of the API server counts a webhook call without an answer.
fn is_lost(metric: &str) -> bool {
    let refused = metric.starts_with("apiserver_admission_webhook_rejection_count{")
        && !metric.contains("error_type=\"no_error\"");
    refused || metric.starts_with("apiserver_admission_webhook_fail_open_count{")
}

/// A replica that loses its connection to the API server, and gets it back.
async fn silent_watches(clusters: &TestClusters) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("ordinance.json");
    std::fs::write(&config, r#"{"limits": {"indexStaleness": "4s"}}"#)?;
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let arguments = vec![format!("--config={}", config.display())];
    let installation = Installation { replicas: 2, arguments, ..clusters.installation()? };
    let mut ordinance = Ordinance::install(&cluster, installation).await?;
    let proxy = ServiceProxy::bind("127.0.0.1:0".parse()?).await?;
    let (address, server) = (proxy.address(), cluster.kubeconfig().address()?);
    proxy.set_endpoints(vec![server]);
    ordinance.add_through(&cluster, address).await?;
    create(cluster.access(), "before", "/srv/before").await?;
    drop(proxy);
    ordinance.replicas()[2].unready().await?;
    // The replica is still behind the Service. The API server asks again, and another replica decides.
    create(cluster.access(), "after", "/srv/after").await?;
    for _ in 0..4 {
        refused(cluster.access(), "second", "/srv/after", "after").await?;
    }
    let proxy = until("the proxy's address to be free", STEP_TIMEOUT, async || {
        Ok(ServiceProxy::bind(address).await.ok())
    })
    .await?;
    proxy.set_endpoints(vec![server]);
    until("the replica to be ready again", STEP_TIMEOUT, async || {
        Ok(ordinance.replicas()[2].ask("/readyz").await.ok())
    })
    .await?;
    for _ in 0..2 {
        ordinance.remove(0);
    }
    refused(cluster.access(), "second", "/srv/after", "after").await
}

async fn create(access: &ClusterAccess, name: &str, path: &str) -> Result<()> {
    let volume = nfs_volume(name, "nas.example.com", path).to_string();
    access.kubectl().apply(&volume).await?.ok().map(|_| ())
}

async fn dry_run(access: &ClusterAccess, name: &str, path: &str) -> Result<CommandOutput> {
    let volume = nfs_volume(name, "nas.example.com", path).to_string();
    access.kubectl().run_with_input("create --dry-run=server --filename=-".split(' '), &volume).await
}

/// Checks that a volume is refused. A dry run stores nothing even if the volume is admitted by mistake.
async fn refused(access: &ClusterAccess, name: &str, path: &str, by: &str) -> Result<()> {
    let refusal = dry_run(access, name, path).await?.refusal()?;
    ensure!(refusal.contains(&format!("with PersistentVolume {by:?}")), "{refusal}");
    Ok(())
}
