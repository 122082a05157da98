//! Pods that really run: what they write, and what their pages say.

use anyhow::{Result, ensure};
use ordinance_e2e::{NodeStage, Scenario};

/// All of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario::on_a_node("node::a_pod_runs_and_serves_its_page", a_pod_runs)]
}

async fn a_pod_runs(stage: &mut NodeStage<'_>) -> Result<()> {
    stage.kubectl().ok("run alone --image=nginx:1.27").await?;
    let page = stage.page("alone").await?;
    stage.took("a pod and its page");
    ensure!(page == "alone\n", "{page:?}");
    Ok(())
}
