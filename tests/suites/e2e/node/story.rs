//! The founding story with real writes: the manifests of `deploy/examples/founding-story` as they are, before Ordinance
//! and with it.

use super::{PAGES, own_pages, pages};
use crate::story::{REFUSAL, STORY};
use anyhow::{Context, Result, ensure};
use ordinance_cluster::Ran;
use ordinance_e2e::NodeStage;
use std::path::Path;

/// Two volumes on one directory: what is lost without Ordinance, and what is not with it.
pub async fn founding_story(stage: &mut NodeStage<'_>) -> Result<()> {
    let export = stage.node().export("10.0.0.5", "/srv/www", 0o755)?;
    before(stage).await?;
    let _ordinance = stage.install().await?;
    the_second_volume_is_refused(stage).await?;
    shared_on_purpose(stage).await?;
    create(stage, "web.yaml").await?.ok()?;
    keep(stage, &export).await?;
    stage.took("the set isolated on one directory, and each page its own");
    stage.kubectl().ok("delete pods web-0 web-1").await?;
    kept(stage).await?;
    stage.took("pods deleted");
    stage.kubectl().ok("delete statefulset web --cascade=foreground").await?;
    create(stage, "web.yaml").await?.ok()?;
    kept(stage).await?;
    stage.took("the set deleted and created again");
    Ok(())
}

/// Every page says the same name.
async fn before(stage: &mut NodeStage<'_>) -> Result<()> {
    for file in ["pv.yaml", "pv2-mistake.yaml", "service.yaml", "web.yaml"] {
        create(stage, file).await?.ok()?;
    }
    rolled_out(stage).await?;
    let pages = pages(stage, "web").await?;
    ensure!(pages == ["web-1\n", "web-1\n"], "{pages:?}");
    stage.took("without Ordinance one replica overwrote the other");
    stage.kubectl().ok("delete statefulset web --cascade=foreground").await?;
    stage.kubectl().ok("delete persistentvolumeclaims web-pvc-web-0 web-pvc-web-1").await?;
    stage.kubectl().ok("delete persistentvolumes pv pv2").await?;
    stage.took("the set and its volumes deleted");
    Ok(())
}

async fn the_second_volume_is_refused(stage: &NodeStage<'_>) -> Result<()> {
    create(stage, "pv.yaml").await?.ok()?;
    let refusal = create(stage, "pv2-mistake.yaml").await?.refused()?;
    ensure!(refusal.contains(REFUSAL), "{refusal}");
    Ok(())
}

/// The same two volumes, now with an annotation that says that it is meant.
async fn shared_on_purpose(stage: &NodeStage<'_>) -> Result<()> {
    let line = format!(
        "annotate --local --filename={STORY}/pv2-mistake.yaml --output=yaml ordinance.dev/shared-with=pv"
    );
    let annotated = stage.kubectl().ok(&line).await?;
    stage.kubectl().feed(["create", "--filename=-"], &annotated).await?.ok().map(|_| ())
}

/// Has each replica write something more, which nobody writes again.
async fn keep(stage: &NodeStage<'_>, export: &Path) -> Result<()> {
    rolled_out(stage).await?;
    own_pages(stage, "web").await?;
    for pod in ["web-0", "web-1"] {
        let write = format!("echo kept by {pod} > {PAGES}/kept");
        stage.kubectl().run(["exec", pod, "--", "sh", "-c", &write]).await?.ok()?;
        let page = export.join(pod).join("index.html");
        let page = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
        ensure!(page == format!("{pod}\n"), "{page:?}");
    }
    kept(stage).await
}

/// Each replica finds what it wrote.
async fn kept(stage: &NodeStage<'_>) -> Result<()> {
    rolled_out(stage).await?;
    own_pages(stage, "web").await?;
    for pod in ["web-0", "web-1"] {
        let kept = stage.page(pod, "kept").await?;
        ensure!(kept == format!("kept by {pod}\n"), "{kept:?}");
    }
    Ok(())
}

async fn create(stage: &NodeStage<'_>, file: &str) -> Result<Ran> {
    stage.kubectl().run(["create", "--filename", &format!("{STORY}/{file}")]).await
}

async fn rolled_out(stage: &NodeStage<'_>) -> Result<()> {
    stage.kubectl().ok("rollout status statefulset/web --timeout=90s").await.map(|_| ())
}
