//! `cargo xtask cluster up|down`: a real control plane with Ordinance behind it, in the background, to try things by
//! hand.
//!
//! What runs is known by a lock that its supervisor holds, so a process number that the system gave to somebody else is
//! never taken for it.

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

/// How long it may take to come up: some seconds, usually.
const UP: Duration = Duration::from_secs(120);

/// How long it may take to end.
const DOWN: Duration = Duration::from_secs(30);

/// What to do.
#[derive(clap::Subcommand)]
pub enum Action {
    /// Start a control plane with Ordinance and both webhooks, and say how to reach it.
    Up {
        /// The program to run; built from this checkout without.
        #[arg(long, value_name = "FILE", env = "ORDINANCE_BINARY")]
        binary: Option<PathBuf>,
    },
    /// End it, and remove all that it stored.
    Down,
}

/// What runs, as its supervisor tells it.
#[derive(Deserialize)]
pub struct State {
    pid: i32,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The program that fits it.
    pub kubectl: PathBuf,
    /// Where the API server calls Ordinance.
    pub ordinance: SocketAddr,
    folder: PathBuf,
}

/// Does it.
pub fn run(action: &Action) -> Result<ExitCode> {
    match action {
        Action::Up { binary } => {
            let (state, word) = match running()? {
                Some(state) => (state, "is up already"),
                None => (up(binary.as_deref())?, "is up"),
            };
            tell(&state, word);
        }
        Action::Down if down()? => anstream::println!("The cluster is down."),
        Action::Down => anstream::println!("No cluster was up."),
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts it, and returns what runs.
fn up(binary: Option<&Path>) -> Result<State> {
    let (binary, folder) = (e2e::binary(binary)?, folder()?);
    let mut supervisor = supervisor(&binary, &folder)?;
    supervisor.process_group(0).stdin(Stdio::null());
    wait_up(&mut supervisor.spawn().context("can't start the cluster's supervisor")?, &folder)
}

/// Who starts a cluster and runs it, with its log in the folder.
fn supervisor(binary: &Path, folder: &Path) -> Result<Command> {
    e2e::tools(&Tool::CONTROL_PLANE)?;
    let mut supervisor = Command::new(build::binary("ordinance-cluster", Profile::Dev)?);
    supervisor.arg("--binary").arg(binary).arg("--folder").arg(folder);
    let file = File::create(folder.join("log"))?;
    supervisor.stdout(file.try_clone()?).stderr(file);
    Ok(supervisor)
}

/// A cluster beside the one in the background, which ends with this value or with this process.
pub struct Guest {
    /// What runs.
    pub state: State,
    supervisor: Child,
    _folder: TempDir,
}

// === impl Guest ===

impl Guest {
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

impl Drop for Guest {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

/// Looks at what it writes, and never at its lock, which it could not take meanwhile.
fn wait_up(supervisor: &mut Child, folder: &Path) -> Result<State> {
    let up = until(UP, || {
        if let Some(status) = supervisor.try_wait()? {
            let said = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            bail!("the cluster did not come up ({status}): {}", said.trim_end());
        }
        state(folder)
    })?;
    if up.is_none() {
        let _ = supervisor.kill();
    }
    up.with_context(|| format!("the cluster did not come up within {} s", UP.as_secs()))
}

/// Ends what runs; whether anything did.
fn down() -> Result<bool> {
    let Some(state) = running()? else { return Ok(false) };
    let pid = Pid::from_raw(state.pid).context("the cluster's state names no process")?;
    kill_process(pid, Signal::TERM)?;
    let folder = folder()?;
    let down = until(DOWN, || Ok((!locked(&folder)?).then_some(true)))?;
    down.with_context(|| format!("process {} did not end within {} s", state.pid, DOWN.as_secs()))
}

/// What runs, if anything does; what is about to come up is waited for.
fn running() -> Result<Option<State>> {
    let folder = folder()?;
    let seen = until(UP, || {
        if !locked(&folder)? {
            let _ = std::fs::remove_file(folder.join("state.json"));
            return Ok(Some(None));
        }
        Ok(state(&folder)?.map(Some))
    })?;
    seen.with_context(|| format!("a cluster was begun, and did not come up within {} s", UP.as_secs()))
}

fn state(folder: &Path) -> Result<Option<State>> {
    let state = std::fs::read_to_string(folder.join("state.json")).ok();
    Ok(state.map(|state| serde_json::from_str(&state)).transpose()?)
}

/// Whether a supervisor runs.
fn locked(folder: &Path) -> Result<bool> {
    Ok(ordinance_tools::try_lock(&folder.join("lock"))?.is_none())
}

/// Outside the tree: it is about this machine.
fn folder() -> Result<PathBuf> {
    let folder = ordinance_tools::folder()?.join("cluster");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// How to reach it, and what to try.
fn tell(state: &State, word: &str) {
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
    anstream::println!("No node runs pods: they are said to be ready as soon as their claims are bound.");
    anstream::println!("Logs are in {}. End it: cargo xtask cluster down", state.folder.display());
}
