//! `ordinance certs` on a running installation, as a person calls it.

use super::{REPAIR_TIMEOUT, are_ready, bundles, dry_run, installed, overwrite};
use anyhow::{Context, Result, ensure};
use ordinance_cluster::{Access, Options, Ordinance, until};
use ordinance_e2e::{STEP_TIMEOUT, TestClusters};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The name that the API server calls.
const NAME: &str = "ordinance.ordinance-system.svc";

/// The program, and the cluster that it looks into.
pub struct Certs {
    binary: PathBuf,
    kubeconfig: PathBuf,
}

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
}

// === impl Certs ===

impl Certs {
    pub fn new(clusters: &TestClusters, access: &Access) -> Result<Self> {
        Ok(Self { binary: clusters.installation()?.binary, kubeconfig: access.kubeconfig().to_owned() })
    }

    /// `ordinance certs` with these words.
    pub fn run(&self, line: &str) -> Result<Ended> {
        let mut command = Command::new(&self.binary);
        command.arg("certs").args(line.split_whitespace()).arg("--kubeconfig").arg(&self.kubeconfig);
        let output = command.stdin(Stdio::null()).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(stderr.is_empty(), "ordinance certs {line}: {stderr}");
        Ok(Ended { code: output.status.code(), stdout: String::from_utf8(output.stdout)? })
    }

    /// What is there now.
    pub fn show(&self) -> Result<Value> {
        let shown = self.run("show --output json")?;
        serde_json::from_str(&shown.stdout).with_context(|| format!("{shown:?}"))
    }

    /// Where the rotation is.
    pub fn phase(&self) -> Result<String> {
        let shown = self.show()?;
        Ok(shown["rotations"][0]["phase"].as_str().with_context(|| format!("{shown:#}"))?.to_owned())
    }

    /// The step that is taken.
    pub fn rotate(&self, flags: &str) -> Result<Value> {
        let ended = self.run(&format!("rotate --output json {flags}"))?;
        let told: Value = serde_json::from_str(&ended.stdout).with_context(|| format!("{ended:?}"))?;
        ensure!((ended.code == Some(0)) == told["step"].is_string(), "{ended:?}");
        Ok(told["step"].clone())
    }

    fn verified(&self, flags: &str) -> Result<()> {
        let ended = self.run(&format!("verify {flags}"))?;
        ensure!(ended.code == Some(0), "{ended:?}");
        Ok(())
    }
}

pub async fn command(clusters: &TestClusters) -> Result<()> {
    let cluster = clusters.cluster(&Options::default()).await?;
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
    until("the former CA to be trusted no more", REPAIR_TIMEOUT, async || {
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

/// Every webhook is shown with whom it trusts.
async fn shows(certs: &Certs, access: &Access) -> Result<()> {
    let shown = certs.show()?;
    let (trusts, current) = (&shown["trusts"], &shown["authorities"][0]);
    ensure!(current["role"] == "current" && current["names"] == json!([NAME]), "{shown:#}");
    let trusts = trusts.as_array().context("nobody trusts anybody")?;
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

/// What each replica serves is what every webhook trusts.
fn served(certs: &Certs, ordinance: &mut Ordinance) -> Result<()> {
    for replica in ordinance.replicas().iter() {
        certs.verified(&format!("--connect {} --dns-name {NAME} --webhook ordinance", replica.https()))?;
    }
    Ok(())
}

/// The replica that has the Lease goes on, nothing is ever wrong, and no object is refused.
async fn drained(certs: &Certs, access: &Access) -> Result<()> {
    until("the next CA to sign", STEP_TIMEOUT, async || {
        dry_run(access, "load", "/srv/load").await?;
        certs.verified("")?;
        Ok((certs.phase()? == "Drain").then_some(()))
    })
    .await
}
