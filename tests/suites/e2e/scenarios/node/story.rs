//! The founding story with real writes: the unchanged manifests of `deploy/examples/founding-story`, first without
//! Ordinance and then with it.

use super::pages::{PAGES, own_pages, pages};
use crate::story::{REFUSAL, STORY};
use anyhow::{Context, Result, ensure};
use ordinance_cluster::CommandOutput;
use ordinance_e2e::NodeCluster;
use std::path::Path;

/// Two volumes on one directory: without Ordinance a file is lost, with it none is.
pub async fn founding_story(cluster: &mut NodeCluster<'_>) -> Result<()> {
    let export = cluster.node().export("10.0.0.5", "/srv/www", 0o755)?;
    before(cluster).await?;
    let _ordinance = cluster.install().await?;
    the_second_volume_is_refused(cluster).await?;
    shared_on_purpose(cluster).await?;
    create(cluster, "web.yaml").await?.ok()?;
    write_more(cluster, &export).await?;
    cluster.log_elapsed("the set isolated on one directory, and each page its own");
    cluster.kubectl().ok("delete pods web-0 web-1").await?;
    kept(cluster).await?;
    cluster.log_elapsed("pods deleted");
    cluster.kubectl().ok("delete statefulset web --cascade=foreground").await?;
    create(cluster, "web.yaml").await?.ok()?;
    kept(cluster).await?;
    cluster.log_elapsed("the set deleted and created again");
    Ok(())
}

/// Shows the loss: both pages have the same name.
async fn before(cluster: &mut NodeCluster<'_>) -> Result<()> {
    for file in ["pv.yaml", "pv2-mistake.yaml", "service.yaml", "web.yaml"] {
        create(cluster, file).await?.ok()?;
    }
    rolled_out(cluster).await?;
    let pages = pages(cluster, "web").await?;
    ensure!(pages == ["web-1\n", "web-1\n"], "{pages:?}");
    cluster.log_elapsed("without Ordinance one replica overwrote the other");
    cluster.kubectl().ok("delete statefulset web --cascade=foreground").await?;
    cluster.kubectl().ok("delete persistentvolumeclaims web-pvc-web-0 web-pvc-web-1").await?;
    cluster.kubectl().ok("delete persistentvolumes pv pv2").await?;
    cluster.log_elapsed("the set and its volumes deleted");
    Ok(())
}

async fn the_second_volume_is_refused(cluster: &NodeCluster<'_>) -> Result<()> {
    create(cluster, "pv.yaml").await?.ok()?;
    let refusal = create(cluster, "pv2-mistake.yaml").await?.refusal()?;
    ensure!(refusal.contains(REFUSAL), "{refusal}");
    Ok(())
}

/// Creates the second volume with an annotation that declares the sharing.
async fn shared_on_purpose(cluster: &NodeCluster<'_>) -> Result<()> {
    let line = format!(
        "annotate --local --filename={STORY}/pv2-mistake.yaml --output=yaml ordinance.dev/shared-with=pv"
    );
    let annotated = cluster.kubectl().ok(&line).await?;
    cluster.kubectl().run_with_input(["create", "--filename=-"], &annotated).await?.ok().map(|_| ())
}

/// Has each replica write one more file, which is never written again.
async fn write_more(cluster: &NodeCluster<'_>, export: &Path) -> Result<()> {
    rolled_out(cluster).await?;
    own_pages(cluster, "web").await?;
    for pod in ["web-0", "web-1"] {
        let write = format!("echo kept by {pod} > {PAGES}/kept");
        cluster.kubectl().run(["exec", pod, "--", "sh", "-c", &write]).await?.ok()?;
        let page = export.join(pod).join("index.html");
        let page = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
        ensure!(page == format!("{pod}\n"), "{page:?}");
    }
    kept(cluster).await
}

/// Checks that each replica finds the file that it wrote.
async fn kept(cluster: &NodeCluster<'_>) -> Result<()> {
    rolled_out(cluster).await?;
    own_pages(cluster, "web").await?;
    for pod in ["web-0", "web-1"] {
        let kept = cluster.page(pod, "kept").await?;
        ensure!(kept == format!("kept by {pod}\n"), "{kept:?}");
    }
    Ok(())
}

async fn create(cluster: &NodeCluster<'_>, file: &str) -> Result<CommandOutput> {
    cluster.kubectl().run(["create", "--filename", &format!("{STORY}/{file}")]).await
}

async fn rolled_out(cluster: &NodeCluster<'_>) -> Result<()> {
    cluster.kubectl().ok("rollout status statefulset/web --timeout=90s").await.map(|_| ())
}
