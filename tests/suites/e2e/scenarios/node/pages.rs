//! StatefulSets whose replicas write a page and serve it.

use anyhow::{Result, ensure};
use ordinance_e2e::NodeCluster;
use serde_json::{Value, json};

/// The folder that a container of the test image serves.
pub const PAGES: &str = "/usr/share/nginx/html";

/// Returns the pages of both replicas of a set, after both have written theirs.
pub async fn pages(cluster: &NodeCluster<'_>, set: &str) -> Result<[String; 2]> {
    let [first, last] = [format!("{set}-0"), format!("{set}-1")];
    // A replica serves only after it has written. So once both serve, a second read shows what is left.
    cluster.page(&first, "").await?;
    cluster.page(&last, "").await?;
    Ok([cluster.page(&first, "").await?, cluster.page(&last, "").await?])
}

/// Checks that the page of each replica has its own name.
pub async fn own_pages(cluster: &NodeCluster<'_>, set: &str) -> Result<()> {
    let pages = pages(cluster, set).await?;
    ensure!(pages == [format!("{set}-0\n"), format!("{set}-1\n")], "{pages:?}");
    Ok(())
}

/// Returns a set of two replicas that start together, and write and serve their pages.
pub fn set(name: &str, volumes: Value, templates: Value) -> Value {
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
