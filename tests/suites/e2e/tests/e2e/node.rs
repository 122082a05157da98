//! Pods that really run: the files that they write, and the pages that they serve.

mod killed;
mod kinds;
mod story;
mod users;

use anyhow::{Result, ensure};
use ordinance_e2e::{NodeCluster, Scenario};
use serde_json::{Value, json};

/// The folder that a container of the test image serves.
const PAGES: &str = "/usr/share/nginx/html";

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::on_node("node::each_ordinal_keeps_its_own_page", story::founding_story),
        Scenario::on_node("node::replicas_of_every_kind_of_storage_keep_their_pages", kinds::kinds),
        Scenario::on_node("node::a_non_root_pod_writes_to_a_prepared_export", users::users),
        Scenario::with_node_programs("node::a_killed_run_leaves_nothing_behind", killed::killed),
    ]
}

/// Returns the pages of both replicas of a set, after both have written theirs.
async fn pages(cluster: &NodeCluster<'_>, set: &str) -> Result<[String; 2]> {
    let [first, last] = [format!("{set}-0"), format!("{set}-1")];
    // A replica serves only after it has written. So once both serve, a second read shows what is left.
    cluster.page(&first, "").await?;
    cluster.page(&last, "").await?;
    Ok([cluster.page(&first, "").await?, cluster.page(&last, "").await?])
}

/// Checks that the page of each replica has its own name.
async fn own_pages(cluster: &NodeCluster<'_>, set: &str) -> Result<()> {
    let pages = pages(cluster, set).await?;
    ensure!(pages == [format!("{set}-0\n"), format!("{set}-1\n")], "{pages:?}");
    Ok(())
}

/// Returns a set of two replicas that start together, and write and serve their pages.
fn set(name: &str, volumes: Value, templates: Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": { "name": name },
        "spec": {
            "replicas": 2,
            "podManagementPolicy": "Parallel",
            "serviceName": name,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{
                        "name": "pages",
                        "image": "nginx:1.27",
                        "volumeMounts": [{ "name": "www", "mountPath": PAGES }],
                    }],
                    "volumes": volumes,
                },
            },
            "volumeClaimTemplates": templates,
        },
    })
}
