//! A host in a process of its own.

use crate::memory::Cgroup;
use anyhow::{Context, Result, bail, ensure};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the host may take to become ready.
const READY: Duration = Duration::from_secs(30);

/// The interval between two checks of the ready file.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// An `ordinance serve` process. Dropping it kills the process.
#[derive(Debug)]
pub struct HostProcess {
    process: Child,
    ready: ReadyFile,
    /// The TLS configuration of a client that trusts the host.
    pub(crate) tls: Arc<ClientConfig>,
    _directory: tempfile::TempDir,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadyFile {
    https: SocketAddr,
    admin: SocketAddr,
    metrics: SocketAddr,
    ca_bundle: String,
}

// === impl HostProcess ===

impl HostProcess {
    /// Starts the host on free ports of 127.0.0.1 with the built-in policy, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Returns an error if the process ends, or is not ready within 30 s.
    pub fn start(ordinance: &Path) -> Result<Self> {
        Self::start_with(Command::new(ordinance), |_| Ok(vec!["--no-cluster".to_owned()]))
    }

    /// Starts the host like [`HostProcess::start`], in a cgroup, whose memory limit it finds by itself, or with this limit in its
    /// configuration.
    ///
    /// # Errors
    ///
    /// As [`HostProcess::start`].
    pub(crate) fn with_memory(ordinance: &Path, group: Option<&Cgroup>, limit: usize) -> Result<Self> {
        let command = group.map_or_else(|| Command::new(ordinance), |group| group.command(ordinance));
        Self::start_with(command, |directory| {
            let mut arguments = vec!["--no-cluster".to_owned()];
            if group.is_none() {
                let config = directory.join("config.yaml");
                std::fs::write(&config, format!("limits: {{memory: {limit}}}\n"))?;
                arguments.push(format!("--config={}", config.display()));
            }
            Ok(arguments)
        })
    }

    /// Starts the host in a cluster, with this configuration.
    ///
    /// # Errors
    ///
    /// As [`HostProcess::start`].
    pub(crate) fn in_cluster(ordinance: &Path, kubeconfig: &str, config: &str) -> Result<Self> {
        Self::start_with(Command::new(ordinance), |directory| {
            let (cluster, host) = (directory.join("kubeconfig"), directory.join("config.yaml"));
            std::fs::write(&cluster, kubeconfig)?;
            std::fs::write(&host, config)?;
            Ok(vec![format!("--kubeconfig={}", cluster.display()), format!("--config={}", host.display())])
        })
    }

    fn start_with(
        mut command: Command,
        arguments: impl FnOnce(&Path) -> Result<Vec<String>>,
    ) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("ready.json");
        let any = "127.0.0.1:0";
        let mut process = command
            .args(["serve", "--self-signed", "-q"])
            .args(arguments(directory.path())?)
            .args(["--listen", any, "--admin-listen", any, "--ready-file"])
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .context("can't run the host")?;
        let ready = ready(&mut process, &file).inspect_err(|_| drop(process.kill()))?;
        let tls = Arc::new(trusting(&ready.ca_bundle)?);
        Ok(Self { process, ready, tls, _directory: directory })
    }

    /// Returns whether the process still runs.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Returns the most memory in bytes that the process has used.
    pub(crate) fn peak(&self) -> Result<usize> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
        Ok(kib.context("the kernel does not record the peak")?.trim().parse::<usize>()? * 1024)
    }

    /// The address of admission reviews.
    pub(crate) fn https(&self) -> SocketAddr {
        self.ready.https
    }

    /// The address of the metrics.
    pub(crate) fn metrics(&self) -> SocketAddr {
        self.ready.metrics
    }

    /// The address of the probes.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.ready.admin
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ready(process: &mut Child, file: &Path) -> Result<ReadyFile> {
    let start = Instant::now();
    while !file.exists() {
        if let Some(status) = process.try_wait()? {
            bail!("the host ended before it was ready: {status}");
        }
        ensure!(start.elapsed() < READY, "the host was not ready within {} s", READY.as_secs());
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}

fn trusting(pem: &str) -> Result<ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
