//! Several replicas behind one Service: what one admitted, and what happened while nobody looked, the others learn from
//! their watches.

use crate::load::Load;
use anyhow::{Result, ensure};
use http::Request;
use ordinance_cluster::{Access, Installation, Options, Ordinance, Part, Ran, Splitter, until};
use ordinance_e2e::{PATIENCE, Scenario, Workshop, nfs_set, nfs_volume};

/// All of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::alone("replicas::what_exists_is_known_after_a_restart", restart),
        Scenario::alone("replicas::each_learns_what_another_admitted", others),
        Scenario::alone("replicas::a_volume_that_is_gone_is_forgotten", gone),
        Scenario::alone("replicas::an_api_server_that_comes_back_is_watched_again", api_server),
        Scenario::alone("replicas::a_restart_of_all_under_load_loses_no_request", restart_under_load),
        Scenario::alone("replicas::one_that_hears_nothing_lets_nothing_through", blind),
    ]
}

async fn restart(workshop: &Workshop) -> Result<()> {
    let (cluster, mut ordinance) = workshop.installed(1).await?;
    create(cluster.access(), "first", "/srv/www").await?;
    ordinance.stop();
    ordinance.resume().await?;
    refused(cluster.access(), "second", "/srv/www", "first").await
}

/// Whichever of three admitted a volume, the one that stays has only its watch to know it by.
async fn others(workshop: &Workshop) -> Result<()> {
    let (cluster, mut ordinance) = workshop.installed(3).await?;
    for stays in 0..3 {
        let (name, path) = (format!("pv-{stays}"), format!("/srv/{stays}"));
        create(cluster.access(), &name, &path).await?;
        for (_, replica) in ordinance.replicas().iter_mut().enumerate().filter(|(index, _)| *index != stays) {
            replica.component().kill();
        }
        refused(cluster.access(), "another", &path, &name).await?;
        ordinance.resume().await?;
    }
    Ok(())
}

async fn gone(workshop: &Workshop) -> Result<()> {
    let (cluster, _ordinance) = workshop.installed(2).await?;
    create(cluster.access(), "first", "/srv/www").await?;
    refused(cluster.access(), "second", "/srv/www", "first").await?;
    cluster.access().kubectl().ok("delete persistentvolume first").await?;
    until("the second volume to be let in", PATIENCE, async || {
        Ok(dry_run(cluster.access(), "second", "/srv/www").await?.ok().ok())
    })
    .await
    .map(|_| ())
}

async fn api_server(workshop: &Workshop) -> Result<()> {
    let (mut cluster, _ordinance) = workshop.installed(1).await?;
    create(cluster.access(), "first", "/srv/www").await?;
    let access = cluster.access().clone();
    // Controllers that lose the API server while they start end by themselves; on a node they would be started again.
    cluster.plane().part(Part::Controllers).kill();
    cluster.plane().part(Part::ApiServer).kill();
    cluster.plane().part(Part::ApiServer).resume()?;
    cluster.plane().ready(&access).await?;
    cluster.plane().part(Part::Controllers).resume()?;
    refused(&access, "second", "/srv/www", "first").await?;
    access.kubectl().ok("delete persistentvolume first").await?;
    until("the watch to be back", PATIENCE, async || {
        Ok(dry_run(&access, "second", "/srv/www").await?.ok().ok())
    })
    .await
    .map(|_| ())
}

/// As a Deployment restarts them, one after the other, while creates and updates go on.
async fn restart_under_load(workshop: &Workshop) -> Result<()> {
    let mut cluster = workshop.cluster(&Options::default()).await?;
    let installation = Installation {
        replicas: 3,
        arguments: vec!["--drain-delay=2s".to_owned()],
        ..workshop.installation()?
    };
    let mut ordinance = Ordinance::install(&cluster, installation).await?;
    until("the API server to ask", PATIENCE, async || {
        let set = nfs_set("default", "probe", 2).to_string();
        let ran = cluster
            .access()
            .kubectl()
            .feed("create --dry-run=server --filename=- --output=json".split(' '), &set);
        Ok(ran.await?.stdout.contains("subPathExpr").then_some(()))
    })
    .await?;
    // They would make thousands of pods.
    cluster.plane().part(Part::Controllers).kill();
    let load = Load::start(&cluster.access().client());
    ordinance.restart(&cluster).await?;
    ordinance.restart(&cluster).await?;
    let requests = load.finish().await?;
    ensure!(requests > 100, "only {requests} requests went on meanwhile");
    let metrics = cluster.access().client().request_text(Request::get("/metrics").body(Vec::new())?).await?;
    let lost = metrics.lines().filter(|line| line.contains(".ordinance.dev\"") && is_lost(line));
    let lost: Vec<&str> = lost.collect();
    ensure!(lost.is_empty(), "{lost:#?}");
    Ok(())
}

/// Whether a metric of the API server says that a webhook gave no answer.
fn is_lost(metric: &str) -> bool {
    let refused = metric.starts_with("apiserver_admission_webhook_rejection_count{")
        && !metric.contains("error_type=\"no_error\"");
    refused || metric.starts_with("apiserver_admission_webhook_fail_open_count{")
}

/// A replica whose connection to the API server is cut, and comes back.
async fn blind(workshop: &Workshop) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("ordinance.json");
    std::fs::write(&config, r#"{"limits": {"indexStaleness": "4s"}}"#)?;
    let cluster = workshop.cluster(&Options::default()).await?;
    let arguments = vec![format!("--config={}", config.display())];
    let installation = Installation { replicas: 2, arguments, ..workshop.installation()? };
    let mut ordinance = Ordinance::install(&cluster, installation).await?;
    let line = Splitter::bind("127.0.0.1:0".parse()?).await?;
    let (address, server) = (line.address(), cluster.kubeconfig().address()?);
    line.set(vec![server]);
    ordinance.add_by(&cluster, address).await?;
    create(cluster.access(), "before", "/srv/before").await?;
    drop(line);
    ordinance.replicas()[2].unready().await?;
    // Nobody took it out of the Service yet: what it can't decide, another decides.
    create(cluster.access(), "after", "/srv/after").await?;
    for _ in 0..4 {
        refused(cluster.access(), "second", "/srv/after", "after").await?;
    }
    let line =
        until("the address to be free", PATIENCE, async || Ok(Splitter::bind(address).await.ok())).await?;
    line.set(vec![server]);
    until("it to be ready again", PATIENCE, async || Ok(ordinance.replicas()[2].ask("/readyz").await.ok()))
        .await?;
    for _ in 0..2 {
        ordinance.remove(0);
    }
    refused(cluster.access(), "second", "/srv/after", "after").await
}

async fn create(access: &Access, name: &str, path: &str) -> Result<()> {
    let volume = nfs_volume(name, "nas.example.com", path).to_string();
    access.kubectl().apply(&volume).await?.ok().map(|_| ())
}

async fn dry_run(access: &Access, name: &str, path: &str) -> Result<Ran> {
    let volume = nfs_volume(name, "nas.example.com", path).to_string();
    access.kubectl().feed("create --dry-run=server --filename=-".split(' '), &volume).await
}

/// As a dry run, so that one that is let in by mistake leaves nothing behind.
async fn refused(access: &Access, name: &str, path: &str, by: &str) -> Result<()> {
    let refusal = dry_run(access, name, path).await?.refused()?;
    ensure!(refusal.contains(&format!("with PersistentVolume {by:?}")), "{refusal}");
    Ok(())
}
