//! `cargo xtask cluster up|down`: a real control plane with Ordinance behind it, in the background, to try things by
//! hand.
//!
//! The supervisor of the cluster holds a lock as long as it runs. So a reused process id is never mistaken for it.

use crate::build::{self, Profile};
use crate::e2e;
use crate::wait::until;
use anyhow::{Context, Result, bail};
use ordinance_tools::Tool;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long the cluster may take to start; usually some seconds.
const UP: Duration = Duration::from_secs(120);

/// How long the cluster may take to stop.
const DOWN: Duration = Duration::from_secs(30);

/// What to do with the cluster.
#[derive(clap::Subcommand)]
pub enum Action {
    /// Start a control plane with Ordinance and both webhooks, and print how to reach it.
    Up {
        /// The program to run; by default it is built from this checkout.
        #[arg(long, value_name = "FILE", env = "ORDINANCE_BINARY")]
        binary: Option<PathBuf>,
    },
    /// Stop the cluster, and remove its files.
    Down,
}

/// The state file that the supervisor writes.
#[derive(Deserialize)]
pub struct ClusterState {
    pid: i32,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The kubectl that fits the cluster.
    pub kubectl: PathBuf,
    /// The address that the API server calls.
    pub ordinance: SocketAddr,
    folder: PathBuf,
}

/// Starts or stops the cluster.
pub fn run(action: &Action) -> Result<ExitCode> {
    match action {
        Action::Up { binary } => {
            let (state, word) = match running()? {
                Some(state) => (state, "is already running"),
                None => (up(binary.as_deref())?, "is running"),
            };
            print_help(&state, word);
        }
        Action::Down if down()? => anstream::println!("Stopped the cluster."),
        Action::Down => anstream::println!("No cluster was running."),
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the cluster and returns its state.
fn up(binary: Option<&Path>) -> Result<ClusterState> {
    let (binary, folder) = (e2e::binary(binary)?, folder()?);
    let mut supervisor = supervisor(&binary, &folder)?;
    supervisor.process_group(0).stdin(Stdio::null());
    wait_up(&mut supervisor.spawn().context("can't start the cluster's supervisor")?, &folder)
}

/// Returns the command of a supervisor, which starts a cluster and runs it, with its log in the folder.
fn supervisor(binary: &Path, folder: &Path) -> Result<Command> {
    e2e::tools(&Tool::CONTROL_PLANE)?;
    let mut supervisor = Command::new(build::binary("ordinance-cluster", Profile::Dev)?);
    supervisor.arg("--binary").arg(binary).arg("--folder").arg(folder);
    let file = File::create(folder.join("log"))?;
    supervisor.stdout(file.try_clone()?).stderr(file);
    Ok(supervisor)
}

/// A second cluster next to the one in the background. It stops when this value is dropped or this process ends.
pub struct TemporaryCluster {
    /// Its addresses and files.
    pub state: ClusterState,
    supervisor: Child,
    _folder: TempDir,
}

// === impl TemporaryCluster ===

impl TemporaryCluster {
    /// Starts it with a program.
    pub fn up(binary: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = supervisor(binary, folder.path())?;
        let spawned = command.arg("--attended").stdin(Stdio::piped()).spawn();
        let mut supervisor = spawned.context("can't start the cluster's supervisor")?;
        let state = wait_up(&mut supervisor, folder.path())?;
        Ok(Self { state, supervisor, _folder: folder })
    }
}

impl Drop for TemporaryCluster {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

/// Polls the state file. It must not touch the lock, which the supervisor could not take meanwhile.
fn wait_up(supervisor: &mut Child, folder: &Path) -> Result<ClusterState> {
    let up = until(UP, || {
        if let Some(status) = supervisor.try_wait()? {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            bail!("the cluster did not start ({status}): {}", log.trim_end());
        }
        state(folder)
    })?;
    if up.is_none() {
        let _ = supervisor.kill();
    }
    up.with_context(|| format!("the cluster did not start within {} s", UP.as_secs()))
}

/// Stops the cluster, and returns whether one was running.
fn down() -> Result<bool> {
    let Some(state) = running()? else { return Ok(false) };
    let pid = Pid::from_raw(state.pid).context("the cluster's state names no process")?;
    kill_process(pid, Signal::TERM)?;
    let folder = folder()?;
    let down = until(DOWN, || Ok((!locked(&folder)?).then_some(true)))?;
    down.with_context(|| format!("process {} did not end within {} s", state.pid, DOWN.as_secs()))
}

/// Returns the state of the running cluster, if there is one. Waits for one that is still starting.
fn running() -> Result<Option<ClusterState>> {
    let folder = folder()?;
    let seen = until(UP, || {
        if !locked(&folder)? {
            let _ = std::fs::remove_file(folder.join("state.json"));
            return Ok(Some(None));
        }
        Ok(state(&folder)?.map(Some))
    })?;
    seen.with_context(|| format!("a cluster was started, and did not become ready within {} s", UP.as_secs()))
}

fn state(folder: &Path) -> Result<Option<ClusterState>> {
    let state = std::fs::read_to_string(folder.join("state.json")).ok();
    Ok(state.map(|state| serde_json::from_str(&state)).transpose()?)
}

/// Whether a supervisor runs.
fn locked(folder: &Path) -> Result<bool> {
    Ok(ordinance_tools::try_lock(&folder.join("lock"))?.is_none())
}

/// The folder is outside the checkout, because there is one cluster for each user and not for each checkout.
fn folder() -> Result<PathBuf> {
    let folder = ordinance_tools::folder()?.join("cluster");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// Prints how to reach the cluster, and what to try.
fn print_help(state: &ClusterState, word: &str) {
    let bin = state.kubectl.parent().unwrap_or(Path::new("."));
    anstream::println!(
        "A cluster {word}, with Ordinance at https://{} behind both webhooks.\n",
        state.ordinance
    );
    anstream::println!("    export KUBECONFIG={}", state.kubeconfig.display());
    anstream::println!("    export PATH={}:$PATH\n", bin.display());
    anstream::println!("Try, from the root of the checkout:\n");
    anstream::println!("    cd deploy/examples/founding-story");
    anstream::println!("    kubectl create -f pv.yaml -f pv2-mistake.yaml    # the second is refused");
    anstream::println!(
        "    kubectl create -f web.yaml                       # each ordinal gets a directory"
    );
    anstream::println!("    kubectl get statefulset web -o yaml\n");
    anstream::println!("No node runs the pods: they are reported ready as soon as their claims are bound.");
    anstream::println!("Logs are in {}. Stop it: cargo xtask cluster down", state.folder.display());
}
