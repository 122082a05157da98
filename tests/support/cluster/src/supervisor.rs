//! A cluster in the background, which runs until it is stopped.

use crate::cluster::Cluster;
use crate::options::ClusterOptions;
use crate::ordinance::{Installation, Ordinance};
use anyhow::{Context, Result};
use futures::FutureExt;
use ordinance_tools::Tool;
use serde_json::json;
use std::fs::File;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// What stops the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCondition {
    /// Only a signal: SIGTERM or SIGINT.
    Signal,
    /// A signal, or the end of standard input: the caller holds the other end, and closes it when it ends.
    InputEnds,
}

/// Starts a cluster with Ordinance, writes its addresses into `state.json` of the folder, and runs it until the stop
/// condition holds. The file `lock` of the folder is locked as long as the cluster runs.
///
/// # Errors
///
/// Returns an error if another cluster runs in the folder, or with the end of a log if a part did not start.
pub async fn supervise(binary: &Path, folder: &Path, condition: StopCondition) -> Result<()> {
    let _lock = lock(&folder.join("lock"))?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let input_end = input_end(condition);
    let tools = ordinance_tools::find(&Tool::CONTROL_PLANE, &mut |line| eprintln!("{line}"))?;
    let cluster = Cluster::start(&tools, &ClusterOptions::default()).await?;
    let ordinance = Ordinance::install(&cluster, Installation::new(binary)?).await?;
    publish(&cluster, &ordinance, &folder.join("state.json"))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = input_end => {}
    }
    Ok(std::fs::remove_file(folder.join("state.json"))?)
}

/// Resolves at the end of standard input, if that is a stop condition. The reading thread ends with the process.
fn input_end(condition: StopCondition) -> impl Future<Output = ()> {
    let (ended, end) = oneshot::channel::<()>();
    if condition == StopCondition::InputEnds {
        std::thread::spawn(move || {
            let _ended = ended;
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        });
        return async { drop(end.await) }.left_future();
    }
    std::future::pending().right_future()
}

fn lock(path: &Path) -> Result<File> {
    let lock = ordinance_tools::try_lock(path).with_context(|| path.display().to_string())?;
    lock.context("a cluster is already running")
}

/// Writes the state in one step, so that readers see all of it or nothing.
fn publish(cluster: &Cluster, ordinance: &Ordinance, path: &Path) -> Result<()> {
    let state = json!({
        "pid": std::process::id(),
        "kubeconfig": cluster.access().kubeconfig(),
        "kubectl": cluster.tools().path(Tool::Kubectl),
        "ordinance": ordinance.address(),
        "folder": cluster.folder(),
    });
    let part = path.with_extension("part");
    std::fs::write(&part, state.to_string())?;
    Ok(std::fs::rename(part, path)?)
}
