//! `ordinance certs` on a running installation.

use super::installation::{REPAIR_TIMEOUT, are_ready, bundles, dry_run, installed, overwrite};
use anyhow::{Context, Result, ensure};
use ordinance_cluster::{ClusterAccess, ClusterOptions, Ordinance, until};
use ordinance_e2e::{STEP_TIMEOUT, TestClusters};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The DNS name that the API server calls.
const NAME: &str = "ordinance.ordinance-system.svc";

/// The program, with the kubeconfig that it uses.
pub struct Certs {
    binary: PathBuf,
    kubeconfig: PathBuf,
}

/// The exit code and the output of a command.
#[derive(Debug)]
pub struct ExitedCommand {
    pub code: Option<i32>,
    pub stdout: String,
}

// === impl Certs ===

impl Certs {
    pub fn new(clusters: &TestClusters, access: &ClusterAccess) -> Result<Self> {
        Ok(Self { binary: clusters.installation()?.binary, kubeconfig: access.kubeconfig().to_owned() })
    }

    /// Runs `ordinance certs` with arguments that are separated by spaces.
    pub fn run(&self, line: &str) -> Result<ExitedCommand> {
        let mut command = Command::new(&self.binary);
        command.arg("certs").args(line.split_whitespace()).arg("--kubeconfig").arg(&self.kubeconfig);
        let output = command.stdin(Stdio::null()).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(stderr.is_empty(), "ordinance certs {line}: {stderr}");
        Ok(ExitedCommand { code: output.status.code(), stdout: String::from_utf8(output.stdout)? })
    }

    /// Returns the output of `show` as JSON.
    pub fn show(&self) -> Result<Value> {
        let shown = self.run("show --output json")?;
        serde_json::from_str(&shown.stdout).with_context(|| format!("{shown:?}"))
    }

    /// Returns the phase of the rotation.
    pub fn phase(&self) -> Result<String> {
        let shown = self.show()?;
        Ok(shown["rotations"][0]["phase"].as_str().with_context(|| format!("{shown:#}"))?.to_owned())
    }

    /// Runs `rotate`, and returns the step that it took, or null.
    pub fn rotate(&self, flags: &str) -> Result<Value> {
        let ended = self.run(&format!("rotate --output json {flags}"))?;
        let report: Value = serde_json::from_str(&ended.stdout).with_context(|| format!("{ended:?}"))?;
        ensure!((ended.code == Some(0)) == report["step"].is_string(), "{ended:?}");
        Ok(report["step"].clone())
    }

    fn verified(&self, flags: &str) -> Result<()> {
        let ended = self.run(&format!("verify {flags}"))?;
        ensure!(ended.code == Some(0), "{ended:?}");
        Ok(())
    }
}

pub async fn command(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&ClusterOptions::default()).await?;
    let times = json!({ "wait": "2s", "look": "200ms" });
    let mut ordinance = installed(clusters, &cluster, &times, 2).await?;
    let (access, certs) = (cluster.access(), Certs::new(clusters, cluster.access())?);
    certs.verified("")?;
    shows(&certs, access).await?;
    served(&certs, &mut ordinance)?;
    ensure!(certs.rotate("")? == "Publish");
    drained(&certs, access).await?;
    ensure!(certs.rotate("")? == Value::Null, "the former CA is still needed");
    served(&certs, &mut ordinance)?;
    ensure!(certs.rotate("--force")? == "Shrink");
    until("the removal of the former CA", REPAIR_TIMEOUT, async || {
        dry_run(access, "load", "/srv/load").await?;
        let one = bundles(access).await?.iter().all(|bundle| bundle.matches("BEGIN").count() == 1);
        Ok(one.then_some(()))
    })
    .await?;
    are_ready(&mut ordinance).await?;
    certs.verified("--within 30d")?;
    ordinance.stop();
    overwrite(access, cluster.authority().certificate()).await?;
    let wrong = certs.run("verify")?;
    let line = "ValidatingWebhookConfiguration ordinance: ";
    ensure!(wrong.code == Some(1) && wrong.stdout.lines().all(|found| found.starts_with(line)), "{wrong:?}");
    Ok(())
}

/// Checks that `show` lists every webhook with the CAs that it trusts.
async fn shows(certs: &Certs, access: &ClusterAccess) -> Result<()> {
    let shown = certs.show()?;
    let (trusts, current) = (&shown["trusts"], &shown["authorities"][0]);
    ensure!(current["role"] == "current" && current["names"] == json!([NAME]), "{shown:#}");
    let trusts = trusts.as_array().context("`show` lists no webhooks")?;
    ensure!(trusts.len() == bundles(access).await?.len(), "{shown:#}");
    for trust in trusts {
        ensure!(trust["authorities"][0]["sha256"] == current["sha256"], "{trust:#}");
        ensure!(trust["names"] == json!([NAME]) && trust["failurePolicy"].is_string(), "{trust:#}");
    }
    ensure!(shown["rotations"][0]["nextStep"] == "Publish" && shown["findings"] == json!([]), "{shown:#}");
    let text = certs.run("show")?.stdout;
    ensure!(text.contains("CA, current: Ordinance CA ") && !text.contains("PRIVATE"), "{text}");
    Ok(())
}

/// Checks that every webhook trusts the certificate of each replica.
fn served(certs: &Certs, ordinance: &mut Ordinance) -> Result<()> {
    for replica in ordinance.replicas().iter() {
        certs.verified(&format!("--connect {} --dns-name {NAME} --webhook ordinance", replica.https()))?;
    }
    Ok(())
}

/// Waits until the leader has switched to the next CA. Meanwhile `verify` finds nothing, and no object is refused.
async fn drained(certs: &Certs, access: &ClusterAccess) -> Result<()> {
    until("the switch to the next CA", STEP_TIMEOUT, async || {
        dry_run(access, "load", "/srv/load").await?;
        certs.verified("")?;
        Ok((certs.phase()? == "Drain").then_some(()))
    })
    .await
}
