//! A run that is killed: what it started ends with it, and the machine is as it was.

use anyhow::{Context, Result, ensure};
use ordinance_cluster::until;
use ordinance_e2e::STEP_TIMEOUT;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The scenario that is killed, and what it says once pods run.
const VICTIM: [&str; 2] = ["node::each_ordinal_keeps_its_own_page", "one replica overwrote the other"];

/// The environment's name for the folder for temporary files, by which everything that the run starts can be told.
const MARK: &str = "E2E_RUN";

/// Kills a run whose pods run, and looks for what is left.
pub async fn killed() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("ordinance-killed-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let told = told(&folder).await;
    std::fs::remove_dir_all(&folder)?;
    told
}

async fn told(folder: &Path) -> Result<()> {
    let mut run = run(folder)?;
    let said = pods_run(&mut run);
    let (processes, groups) = (processes(folder)?, groups(run.id())?);
    run.kill()?;
    run.wait()?;
    said?;
    ensure!(processes.len() > 10 && !groups.is_empty(), "{} processes, {groups:?}", processes.len());
    until("everything to be gone", STEP_TIMEOUT, async || {
        let left = (self::processes(folder)?, self::groups(run.id())?, folder.read_dir()?.count());
        Ok((left == (Vec::new(), Vec::new(), 0)).then_some(()))
    })
    .await?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    ensure!(!mounts.contains(&*folder.to_string_lossy()), "{mounts}");
    Ok(())
}

/// This program, with one scenario.
fn run(folder: &Path) -> Result<Child> {
    let mut run = Command::new(std::env::current_exe()?);
    run.args(["--exact", VICTIM[0]]).env("TMPDIR", folder).env(MARK, folder);
    run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    run.spawn().context("can't start the suite once more")
}

/// Reads what a run says until pods run.
fn pods_run(run: &mut Child) -> Result<()> {
    let said = run.stderr.take().context("a run that says nothing")?;
    let mut lines = BufReader::new(said).lines().map_while(Result::ok);
    lines.find(|line| line.contains(VICTIM[1])).context("the run ended before a pod ran")?;
    Ok(())
}

/// The processes that have the folder in their environment, and so do their children.
fn processes(folder: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder.to_string_lossy();
    let entries = Path::new("/proc").read_dir()?.flatten().map(|entry| entry.path());
    let has = |path: &PathBuf| {
        // One that ends meanwhile has none.
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&*folder)
    };
    Ok(entries.filter(has).collect())
}

/// The control groups of a run.
fn groups(run: u32) -> Result<Vec<PathBuf>> {
    let root = Path::new("/sys/fs/cgroup");
    let mut folders: Vec<PathBuf> = root.read_dir()?.flatten().map(|entry| entry.path()).collect();
    folders.push(root.to_path_buf());
    let entries = folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    let of_run = |path: &PathBuf| path.to_string_lossy().contains(&format!("ordinance-node-{run}-"));
    Ok(entries.map(|entry| entry.path()).filter(of_run).collect())
}
