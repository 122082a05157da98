//! One process of Ordinance.

use crate::authority::PemPair;
use crate::managed_process::ManagedProcess;
use crate::recorder::Recorder;
use crate::recording::Recording;
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

/// How long it may take to become ready.
const READY: Duration = Duration::from_secs(60);

/// A process `ordinance serve`, which ends with this value.
#[derive(Debug)]
pub struct Replica {
    process: ManagedProcess,
    ready_file: PathBuf,
    ready: Ready,
    recorder: Option<Recorder>,
}

/// What it writes once it is ready.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Ready {
    https: SocketAddr,
    admin: SocketAddr,
}

// === impl Replica ===

impl Replica {
    /// Starts it on free ports of 127.0.0.1 and waits until it is ready.
    pub(crate) async fn start(
        name: &str,
        binary: &Path,
        arguments: &[String],
        workspace: &Workspace,
    ) -> Result<Self> {
        let ready_file = workspace.path(&format!("{name}.ready.json"));
        let mut command = Command::new(binary);
        command.args(["serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"]);
        command.arg("--ready-file").arg(&ready_file).args(arguments);
        own_environment(&mut command);
        let mut process = ManagedProcess::start(name, command, workspace)?;
        let ready = ready(&mut process, &ready_file).await?;
        Ok(Self { process, ready_file, ready, recorder: None })
    }

    /// Keeps what it is sent from now on, behind a listener with a certificate for the Service.
    pub(crate) async fn record(&mut self, recording: Arc<Recording>, pair: &PemPair) -> Result<()> {
        self.recorder = Some(Recorder::start(recording, pair, self.ready.https).await?);
        Ok(())
    }

    /// Where the API server's calls go.
    #[must_use]
    pub fn https(&self) -> SocketAddr {
        self.recorder.as_ref().map_or(self.ready.https, Recorder::address)
    }

    /// Where health and metrics are.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.ready.admin
    }

    /// What the admin listener says to a GET, e.g. of `/metrics`.
    ///
    /// # Errors
    ///
    /// That it can't be asked, or says anything but 200.
    pub async fn ask(&self, path: &str) -> Result<String> {
        let mut config = Config::new(format!("http://{}", self.admin()).parse()?);
        // What it says now, be it 503.
        config.default_retry = false;
        let client = Client::try_from(config)?;
        Ok(client.request_text(Request::get(path).body(Vec::new())?).await?)
    }

    /// Waits until `/readyz` no longer says that it is ready.
    ///
    /// # Errors
    ///
    /// That it still does after a minute.
    pub async fn unready(&self) -> Result<()> {
        until("Ordinance to be unready", READY, async || Ok(self.ask("/readyz").await.err().map(|_| ())))
            .await
    }

    /// The process, to kill it, end it, and read its log.
    pub fn process(&mut self) -> &mut ManagedProcess {
        &mut self.process
    }

    /// Starts it again if it was stopped, on other ports, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// That it ended or was not ready within a minute, with the end of its log.
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

/// What the caller's environment says of Ordinance is not meant for this process.
fn own_environment(command: &mut Command) {
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.to_string_lossy().starts_with("ORDINANCE_")) {
        command.env_remove(name);
    }
}

async fn ready(process: &mut ManagedProcess, file: &Path) -> Result<Ready> {
    let ready = until("Ordinance to be ready", READY, async || {
        process.check()?;
        let text = std::fs::read_to_string(file).ok();
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    });
    let ready = ready.await;
    ready.with_context(|| format!("Ordinance's log ends so:\n{}", process.tail()))
}
