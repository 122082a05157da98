//! One process of Ordinance.

use crate::authority::IssuedPair;
use crate::managed_process::ManagedProcess;
use crate::recorder::Recorder;
use crate::recording::ReviewRecording;
use crate::wait::until;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use http::Request;
use kube::{Client, Config};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// How long a replica may take to become ready.
const READY: Duration = Duration::from_secs(60);

/// An `ordinance serve` process. Dropping it kills the process.
#[derive(Debug)]
pub struct Replica {
    process: ManagedProcess,
    ready_file: PathBuf,
    ready: ReplicaAddresses,
    recorder: Option<Recorder>,
}

/// The content of the ready file.
#[derive(Clone, Copy, Debug, Deserialize)]
struct ReplicaAddresses {
    https: SocketAddr,
    admin: SocketAddr,
    metrics: SocketAddr,
}

// === impl Replica ===

impl Replica {
    /// Starts the process on free ports of 127.0.0.1 and waits until it is ready.
    pub(crate) async fn start(
        name: &str,
        binary: &Path,
        arguments: &[String],
        workspace: &Workspace,
    ) -> Result<Self> {
        let ready_file = workspace.path(&format!("{name}.ready.json"));
        let mut command = Command::new(binary);
        let free = ["listen", "admin-listen", "metrics-listen"].map(|flag| format!("--{flag}=127.0.0.1:0"));
        command.arg("serve").args(free);
        command.arg("--ready-file").arg(&ready_file).args(arguments);
        own_environment(&mut command);
        let mut process = ManagedProcess::start(name, command, workspace)?;
        let ready = ready(&mut process, &ready_file).await?;
        Ok(Self { process, ready_file, ready, recorder: None })
    }

    /// Records every review from now on, with a proxy that has a certificate for the Service.
    pub(crate) async fn record(&mut self, recording: Arc<ReviewRecording>, pair: &IssuedPair) -> Result<()> {
        self.recorder = Some(Recorder::start(recording, pair, self.ready.https).await?);
        Ok(())
    }

    /// The address for calls of the API server.
    #[must_use]
    pub fn https(&self) -> SocketAddr {
        self.recorder.as_ref().map_or(self.ready.https, Recorder::address)
    }

    /// The address of the health checks.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.ready.admin
    }

    /// Sends a GET for a health check, e.g. `/readyz`, and returns the body.
    ///
    /// # Errors
    ///
    /// Returns an error if the listener can't be reached, or answers with a status other than 200.
    pub async fn ask(&self, path: &str) -> Result<String> {
        self.get(self.ready.admin, path).await
    }

    /// Returns all metrics.
    ///
    /// # Errors
    ///
    /// Returns an error if the listener can't be reached, or answers with a status other than 200.
    pub async fn metrics(&self) -> Result<String> {
        self.get(self.ready.metrics, "/metrics").await
    }

    async fn get(&self, address: SocketAddr, path: &str) -> Result<String> {
        let mut config = Config::new(format!("http://{address}").parse()?);
        // The current answer counts, even if it is 503.
        config.default_retry = false;
        let client = Client::try_from(config)?;
        Ok(client.request_text(Request::get(path).body(Vec::new())?).await?)
    }

    /// Waits until `/readyz` reports that the replica is not ready.
    ///
    /// # Errors
    ///
    /// Returns an error if it still is after a minute.
    pub async fn unready(&self) -> Result<()> {
        until("Ordinance to be unready", READY, async || Ok(self.ask("/readyz").await.err().map(|_| ())))
            .await
    }

    /// The process, to kill it, stop it, or read its log.
    pub fn process(&mut self) -> &mut ManagedProcess {
        &mut self.process
    }

    /// Starts the process again if it was stopped, on new ports, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Returns an error with the end of the log if it ends, or is not ready within a minute.
    pub async fn resume(&mut self) -> Result<()> {
        if self.process.is_started() {
            return Ok(());
        }
        let _ = std::fs::remove_file(&self.ready_file);
        self.process.resume()?;
        self.ready = ready(&mut self.process, &self.ready_file).await?;
        if let Some(recorder) = &self.recorder {
            recorder.set_replica(self.ready.https);
        }
        Ok(())
    }
}

/// Removes the caller's `ORDINANCE_` variables, which would configure this process.
fn own_environment(command: &mut Command) {
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.to_string_lossy().starts_with("ORDINANCE_")) {
        command.env_remove(name);
    }
}

async fn ready(process: &mut ManagedProcess, file: &Path) -> Result<ReplicaAddresses> {
    let ready = until("Ordinance to be ready", READY, async || {
        process.check()?;
        let text = std::fs::read_to_string(file).ok();
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    });
    let ready = ready.await;
    ready.with_context(|| format!("the end of Ordinance's log:\n{}", process.tail()))
}
