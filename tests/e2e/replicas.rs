//! Several replicas behind one Service: what one admitted, and what happened while nobody looked, the others learn from
//! their watches.

use anyhow::{Result, ensure};
use ordinance_cluster::{Access, Part, Ran, until};
use ordinance_e2e::{PATIENCE, Scenario, Workshop, nfs_volume};

/// All of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::alone("replicas::what_exists_is_known_after_a_restart", restart),
        Scenario::alone("replicas::each_learns_what_another_admitted", others),
        Scenario::alone("replicas::a_volume_that_is_gone_is_forgotten", gone),
        Scenario::alone("replicas::an_api_server_that_comes_back_is_watched_again", api_server),
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
