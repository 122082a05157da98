//! The server under trial, as a process of its own.

use super::cgroup::Cgroup;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the server may take to start.
const START: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// A server on loopback addresses. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) ready: ReadyFile,
    _directory: TempDir,
}

/// The parts of the ready file that a client needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadyFile {
    pub(crate) https: SocketAddr,
    pub(crate) ca_bundle: String,
}

// === impl Server ===

impl Server {
    /// Starts the server with a self-signed certificate: in a cgroup, whose limit it finds by itself, or with this limit of
    /// memory in its configuration.
    pub(crate) fn start(program: &Path, group: Option<&Cgroup>, memory: usize) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let (config, ready) = (directory.path().join("config.yaml"), directory.path().join("ready.json"));
        let mut command = group.map_or_else(|| Command::new(program), |group| group.command(program));
        command.args(["serve", "--self-signed", "--no-cluster", "--listen", "127.0.0.1:0"]);
        command.args(["--admin-listen", "127.0.0.1:0", "--log-level", "error", "--ready-file"]).arg(&ready);
        if group.is_none() {
            fs::write(&config, format!("limits: {{memory: {memory}}}\n"))?;
            command.arg("--config").arg(&config);
        }
        let process = command.stdin(Stdio::null()).spawn().context("the server did not start")?;
        let mut server = Self { process, ready: ReadyFile::empty(), _directory: directory };
        server.ready = server.await_ready(&ready)?;
        Ok(server)
    }

    /// Returns whether the process still runs.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Returns the most memory in bytes that the process has used.
    pub(crate) fn peak(&self) -> Result<usize> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
        Ok(kib.context("the kernel does not record the peak")?.trim().parse::<usize>()? * 1024)
    }

    fn await_ready(&mut self, file: &Path) -> Result<ReadyFile> {
        let end = Instant::now() + START;
        while !file.exists() {
            if !self.lives() || Instant::now() > end {
                bail!("the server did not become ready");
            }
            sleep(PAUSE);
        }
        Ok(serde_json::from_slice(&fs::read(file)?)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// === impl ReadyFile ===

impl ReadyFile {
    /// Returns the file of a server that is not ready.
    fn empty() -> Self {
        Self { https: SocketAddr::from(([127, 0, 0, 1], 0)), ca_bundle: String::new() }
    }
}
