//! The founding story, by kubectl, with the manifests of `deploy/examples/founding-story` as they are.

use anyhow::{Result, ensure};
use ordinance_cluster::Ran;
use ordinance_e2e::{Scenario, Stage};

/// Where the manifests are.
const STORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/examples/founding-story");

/// All of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario::shared("story::the_founding_story", founding_story)]
}

async fn founding_story(stage: &Stage) -> Result<()> {
    create(stage, "web.yaml").await?.ok()?;
    println!("{}", stage.cluster().ok("get sts web -o yaml").await?);
    create(stage, "pv.yaml").await?.ok()?;
    let refusal = create(stage, "pv2-mistake.yaml").await?.refused()?;
    println!("{refusal}");
    ensure!(refusal.contains("10.0.0.5:/srv/www"));
    Ok(())
}

async fn create(stage: &Stage, file: &str) -> Result<Ran> {
    stage.cluster().run(["create", "--filename", &format!("{STORY}/{file}")]).await
}
