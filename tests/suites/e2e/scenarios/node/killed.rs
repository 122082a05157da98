//! A run of the suite that is killed: its processes end, and the machine is left as it was.

use anyhow::{Context, Result, ensure};
use ordinance_cluster::until;
use ordinance_e2e::STEP_TIMEOUT;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The scenario to kill, and the line that it logs once its pods run.
const VICTIM: [&str; 2] = ["node::each_ordinal_keeps_its_own_page", "one replica overwrote the other"];

/// The environment variable that marks the run and everything that it starts, with the path of a temporary folder.
const MARK: &str = "E2E_RUN";

/// Kills a run whose pods run, and checks what is left.
pub async fn killed() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("ordinance-killed-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let outcome = kill_a_run(&folder).await;
    std::fs::remove_dir_all(&folder)?;
    outcome
}

async fn kill_a_run(folder: &Path) -> Result<()> {
    let mut run = run(folder)?;
    let log = pods_run(&mut run);
    let (processes, groups) = (processes(folder)?, groups(run.id())?);
    run.kill()?;
    run.wait()?;
    log?;
    ensure!(processes.len() > 10 && !groups.is_empty(), "{} processes, {groups:?}", processes.len());
    until("everything to be removed", STEP_TIMEOUT, async || {
        let left = (self::processes(folder)?, self::groups(run.id())?, folder.read_dir()?.count());
        Ok((left == (Vec::new(), Vec::new(), 0)).then_some(()))
    })
    .await?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    ensure!(!mounts.contains(&*folder.to_string_lossy()), "{mounts}");
    Ok(())
}

/// Starts this program with one scenario.
fn run(folder: &Path) -> Result<Child> {
    let mut run = Command::new(std::env::current_exe()?);
    run.args(["--exact", VICTIM[0]]).env("TMPDIR", folder).env(MARK, folder);
    run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    run.spawn().context("can't start the suite once more")
}

/// Reads the log of a run until its pods run.
fn pods_run(run: &mut Child) -> Result<()> {
    let log = run.stderr.take().context("a run without standard error")?;
    let mut lines = BufReader::new(log).lines().map_while(Result::ok);
    lines.find(|line| line.contains(VICTIM[1])).context("the run ended before a pod ran")?;
    Ok(())
}

/// Returns the processes with the folder in their environment, which child processes inherit.
fn processes(folder: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder.to_string_lossy();
    let entries = Path::new("/proc").read_dir()?.flatten().map(|entry| entry.path());
    let has = |path: &PathBuf| {
        // A process that has just ended has no environment.
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&*folder)
    };
    Ok(entries.filter(has).collect())
}

/// Returns the control groups of a run.
fn groups(run: u32) -> Result<Vec<PathBuf>> {
    let root = Path::new("/sys/fs/cgroup");
    let mut folders: Vec<PathBuf> = root.read_dir()?.flatten().map(|entry| entry.path()).collect();
    folders.push(root.to_path_buf());
    let entries = folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    let of_run = |path: &PathBuf| path.to_string_lossy().contains(&format!("ordinance-node-{run}-"));
    Ok(entries.map(|entry| entry.path()).filter(of_run).collect())
}
