//! A command in a process of its own: its time and its peak memory.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The interval between two reads of the peak memory.
const PAUSE: Duration = Duration::from_millis(2);

/// The result of a run.
pub struct CommandRun {
    /// The time, with the start of the process.
    pub time: Duration,
    /// The peak memory in MB (10^6 bytes).
    pub peak: f64,
}

/// Runs `ordinance` with a file or a directory, which has to end with an exit code.
pub fn run(ordinance: &Path, arguments: &[&str], what: &Path, code: i32) -> Result<CommandRun> {
    let start = Instant::now();
    let mut command = Command::new(ordinance);
    let command = command.args(arguments).arg(what).stdin(Stdio::null());
    let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut process = spawned.with_context(|| format!("ordinance {}", arguments.join(" ")))?;
    let mut peak = 0.0;
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        peak = self::peak(&process).unwrap_or(peak);
        sleep(PAUSE);
    };
    if status.code() != Some(code) {
        bail!("ordinance {}: {status}", arguments.join(" "));
    }
    Ok(CommandRun { time: start.elapsed(), peak })
}

/// Returns the peak resident memory of a process (`VmHWM`), or `None` once it has ended.
fn peak(process: &Child) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
