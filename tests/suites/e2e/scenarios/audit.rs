//! `ordinance audit` of a real API server without Ordinance: it finds what was stored before, and the same in a dump.

use anyhow::{Context, Result, ensure};
use ordinance_cluster::ClusterOptions;
use ordinance_e2e::{Scenario, TestClusters};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario::with_own_clusters("audit::a_cluster_has_the_findings_of_its_dump", audited)]
}

async fn audited(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let kubectl = cluster.access().kubectl();
    for object in objects() {
        kubectl.run_with_input(["create", "--filename=-"], &object.to_string()).await?.ok()?;
    }
    let expected = BTreeSet::from(
        [
            ("shared-export", "one"),
            ("shared-export", "other"),
            ("unisolated-mount", "cms"),
            ("ordinance/would-change", "cms"),
            ("collapsing-class", "scratch"),
        ]
        .map(|(rule, name)| (rule.to_owned(), name.to_owned())),
    );
    let kubeconfig = path(cluster.access().kubeconfig())?;
    let live = Audit::of(&["--kubeconfig", kubeconfig])?;
    ensure!(live.found == expected, "{live:?}");
    ensure!(live.enforce["isSafe"] == false && live.enforce["createdAgain"]["refused"] == 2, "{live:?}");
    let kinds = "statefulsets,persistentvolumes,persistentvolumeclaims,storageclasses";
    let dump = kubectl.ok(&format!("get {kinds} --all-namespaces --output=yaml")).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cluster.yaml");
    std::fs::write(&file, dump)?;
    let stored = Audit::of(&[path(&file)?])?;
    ensure!(live == stored, "the cluster has {live:?}, its dump {stored:?}");
    Ok(())
}

/// Two volumes on one directory, a set whose replicas share a claim, and a class that gives every claim one directory.
pub fn objects() -> [Value; 4] {
    let volume = |name: &str, path: &str| {
        let nfs = json!({"server": "nas.example.com", "path": path});
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "storageClassName": "", "nfs": nfs,
        }})
    };
    let mounts = json!([{"name": "pages", "mountPath": "/pages"}]);
    let pod = json!({
        "containers": [{"name": "cms", "image": "example.com/cms", "volumeMounts": mounts}],
        "volumes": [{"name": "pages", "persistentVolumeClaim": {"claimName": "pages"}}],
    });
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "cms", "namespace": "default"}, "spec": {
        "replicas": 2, "serviceName": "cms", "selector": {"matchLabels": {"app": "cms"}},
        "template": {"metadata": {"labels": {"app": "cms"}}, "spec": pod},
    }});
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "scratch"},
        "provisioner": "cluster.local/nfs-subdir-external-provisioner", "parameters": {"pathPattern": "scratch"}});
    [volume("one", "/srv"), volume("other", "/srv/"), set, class]
}

/// Returns what `ordinance audit` says of a source as JSON. The objects of the scenario make it exit with 1.
pub fn audit_report(source: &[&str]) -> Result<Value> {
    let binary = std::env::var_os("ORDINANCE_BINARY").context("run `cargo xtask e2e`")?;
    let output = Command::new(binary).arg("audit").args(source).args(["--output", "json"]).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1), "{:?}: {stderr}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

pub fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

/// The result of an audit.
#[derive(Debug, PartialEq)]
struct Audit {
    /// The rules and the names of the objects.
    found: BTreeSet<(String, String)>,
    enforce: Value,
}

// === impl Audit ===

impl Audit {
    fn of(source: &[&str]) -> Result<Self> {
        let report = audit_report(source)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let findings = report["findings"].as_array().context("findings")?.iter();
        let found = findings.map(|finding| (text(&finding["rule"]), text(&finding["object"]["name"])));
        Ok(Self { found: found.collect(), enforce: report["enforce"].clone() })
    }
}
