//! Volumes of several storage drivers behind a real API server: what is one place is refused, and what is not known is told.

use anyhow::{Result, ensure};
use ordinance_e2e::{Scenario, TestNamespace};
use serde_json::{Value, json};

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::in_shared_cluster("storage::one_export_by_three_drivers_is_refused", one_export),
        Scenario::in_shared_cluster("storage::two_directories_of_one_bucket_are_stored", one_bucket),
        Scenario::in_shared_cluster("storage::a_class_that_makes_no_directory_is_warned_of", class),
        Scenario::in_shared_cluster("storage::an_inline_container_is_isolated", inline),
    ]
}

async fn one_export(test: &TestNamespace) -> Result<()> {
    let server = format!("{}.example.com", test.namespace());
    let filestore = json!({"ip": server, "volume": "vol1"});
    create(test, &volume(test, "managed", csi("filestore.csi.storage.gke.io", "one", filestore))).await?;
    let nfs = json!({"server": server, "share": "/vol1/"});
    for source in [
        json!({"nfs": {"server": server, "path": "/vol1"}}),
        csi("nfs.csi.k8s.io", "two", nfs),
        csi("filestore.csi.storage.gke.io", "three", json!({"IP": server, "Volume": "vol1"})),
    ] {
        let refusal =
            test.run_with_input(CREATE, &volume(test, "second", source).to_string()).await?.refusal()?;
        let place = format!("shares nfs://{server}/vol1 with PersistentVolume");
        ensure!(refusal.contains(&place) && refusal.contains("[shared-export]"), "{refusal}");
    }
    let outside = volume(test, "second", json!({"nfs": {"server": server, "path": "/vol2"}}));
    create(test, &outside).await?;
    delete(test, &["managed", "second"]).await
}

async fn one_bucket(test: &TestNamespace) -> Result<()> {
    let bucket = |name: &str, directory: &str| {
        let mut volume = volume(test, name, csi("gcsfuse.csi.storage.gke.io", test.namespace(), json!({})));
        volume["spec"]["mountOptions"] = json!([format!("only-dir={directory}")]);
        volume
    };
    create(test, &bucket("logs", "logs")).await?;
    let stored = test.run_with_input(CREATE, &bucket("dags", "dags").to_string()).await?;
    ensure!(stored.stderr.contains("[duplicate-handle]"), "{}", stored.stderr);
    stored.ok()?;
    let refusal = test.run_with_input(CREATE, &bucket("more", "/logs/").to_string()).await?.refusal()?;
    ensure!(refusal.contains("[shared-export]"), "{refusal}");
    delete(test, &["logs", "dags"]).await
}

async fn class(test: &TestNamespace) -> Result<()> {
    let name = named(test, "smb");
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": "smb.csi.k8s.io", "parameters": {"source": "//nas/apps"},
    });
    let stored = test.run_with_input(CREATE, &class.to_string()).await?;
    ensure!(
        stored.stderr.contains("has no subDir") && stored.stderr.contains("[collapsing-class]"),
        "{}",
        stored.stderr
    );
    stored.ok()?;
    test.cluster().ok(&format!("delete storageclass {name}")).await.map(drop)
}

async fn inline(test: &TestNamespace) -> Result<()> {
    let attributes = json!({"containerName": "web", "secretName": "s"});
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "blobs"},
        "spec": {
            "replicas": 2, "serviceName": "blobs", "selector": {"matchLabels": {"app": "blobs"}},
            "template": {
                "metadata": {"labels": {"app": "blobs"}},
                "spec": {
                    "containers": [{"name": "app", "image": "example.com/app", "volumeMounts": [{"name": "b", "mountPath": "/b"}]}],
                    "volumes": [{"name": "b", "csi": {"driver": "blob.csi.azure.com", "volumeAttributes": attributes}}],
                },
            },
        },
    });
    test.run_with_input(CREATE, &set.to_string()).await?.ok()?;
    let stored = test.kubectl("get statefulset blobs --output=yaml").await?;
    ensure!(stored.contains("subPathExpr: $(ORDINANCE_POD_NAMESPACE)/$(ORDINANCE_POD_NAME)"), "{stored}");
    Ok(())
}

const CREATE: &str = "create --filename=-";

/// Returns the name of an object of the whole cluster that only this scenario has.
fn named(test: &TestNamespace, name: &str) -> String {
    format!("{}-{name}", test.namespace())
}

fn volume(test: &TestNamespace, name: &str, source: Value) -> Value {
    let mut spec =
        json!({"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "storageClassName": ""});
    for (field, value) in source.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": named(test, name)}, "spec": spec})
}

fn csi(driver: &str, handle: &str, attributes: Value) -> Value {
    json!({"csi": {"driver": driver, "volumeHandle": handle, "volumeAttributes": attributes}})
}

async fn create(test: &TestNamespace, object: &Value) -> Result<()> {
    test.run_with_input(CREATE, &object.to_string()).await?.ok().map(drop)
}

async fn delete(test: &TestNamespace, volumes: &[&str]) -> Result<()> {
    for volume in volumes {
        test.cluster().ok(&format!("delete persistentvolume {}", named(test, volume))).await?;
    }
    Ok(())
}
