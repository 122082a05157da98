//! `ordinance audit` against a real API server: it lists what is stored there, and finds what it finds in a dump of it.

use anyhow::{Context, Result, ensure};
use ordinance_e2e::{Scenario, TestNamespace};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario::in_shared_cluster("audit::a_cluster_has_the_findings_of_its_dump", audited)]
}

async fn audited(test: &TestNamespace) -> Result<()> {
    for (name, path) in [("outer", "/srv"), ("inner", "/srv/deep")] {
        let name = format!("{}-{name}", test.namespace());
        let nfs = json!({"server": format!("{}.example.com", test.namespace()), "path": path});
        let spec = json!({"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "storageClassName": "", "nfs": nfs});
        let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "spec": spec,
            "metadata": {"name": name, "labels": {"e2e": test.namespace()}}});
        test.run_with_input("create --filename=-", &volume.to_string()).await?.ok()?;
    }
    let kubeconfig = test.access().kubeconfig().to_str().context("a path in UTF-8")?;
    let live = audit(test, &["--kubeconfig", kubeconfig])?;
    let kinds = "statefulsets,persistentvolumes,persistentvolumeclaims,storageclasses";
    let dump = test.cluster().ok(&format!("get {kinds} --all-namespaces --output=json")).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cluster.json");
    std::fs::write(&file, dump)?;
    let stored = audit(test, &[file.to_str().context("a path in UTF-8")?])?;
    let expected = ["inner", "outer"].map(|name| format!("{}-{name}", test.namespace()));
    ensure!(live == BTreeSet::from(expected), "{live:?}");
    ensure!(live == stored, "the cluster has {live:?}, its dump {stored:?}");
    Ok(())
}

/// Returns the names of the scenario's volumes that an audit finds nested.
fn audit(test: &TestNamespace, source: &[&str]) -> Result<BTreeSet<String>> {
    let binary = std::env::var("ORDINANCE_BINARY").context("ORDINANCE_BINARY")?;
    let mut command = Command::new(binary);
    command.arg("audit").args(source).args(["--output", "json", "--rule", "nested-export"]);
    let output = command.output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(0), "{:?}: {stderr}", output.status);
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let findings = report["findings"].as_array().context("findings")?;
    let names = findings.iter().filter_map(|finding| finding["object"]["name"].as_str());
    Ok(names.filter(|name| name.starts_with(test.namespace())).map(ToOwned::to_owned).collect())
}
