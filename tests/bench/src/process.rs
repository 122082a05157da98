//! A server in a process of its own, and what the kernel says of it.

use crate::load::{Client, Target};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a server may take to answer for the first time.
const START: Duration = Duration::from_secs(10);

/// How soon a refused connection is tried again: well below what is measured.
const RETRY: Duration = Duration::from_micros(200);

/// A key pair that all servers serve, and a client that trusts it.
pub struct Identity {
    directory: tempfile::TempDir,
    tls: Arc<rustls::ClientConfig>,
}

/// A server that runs until this value is dropped.
pub struct Server {
    process: Child,
    /// How to ask it.
    pub target: Target,
    /// From `exec` to the first verdict.
    pub first_verdict: Duration,
}

/// Which server to start.
pub enum Program<'a> {
    /// `ordinance serve` with the built-in policy.
    Ordinance(&'a Path),
    /// The same server without a policy: it allows everything. For measuring only.
    AllowAll,
}

// === impl Identity ===

impl Identity {
    /// Makes a key pair for `localhost`.
    pub fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        fs::write(directory.path().join("tls.crt"), made.cert.pem())?;
        fs::write(directory.path().join("tls.key"), made.signing_key.serialize_pem())?;
        Ok(Self { directory, tls: Arc::new(trusting(made.cert.der())?) })
    }

    /// The certificate chain.
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("tls.crt")
    }

    /// The key.
    pub fn key(&self) -> PathBuf {
        self.directory.path().join("tls.key")
    }
}

/// A client that trusts one certificate.
fn trusting(certificate: &CertificateDer<'static>) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

// === impl Server ===

impl Server {
    /// Starts a server, and waits for its first verdict on a review.
    pub async fn start(program: &Program<'_>, identity: &Identity, body: &Bytes) -> Result<Self> {
        let address = free_port()?;
        let mut command = program.command(address, identity)?;
        let start = Instant::now();
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let target = Target { address, tls: Arc::clone(&identity.tls), body: body.clone() };
        let mut server = Self { process, target, first_verdict: Duration::ZERO };
        server.first_answer(start).await?;
        server.first_verdict = start.elapsed();
        Ok(server)
    }

    async fn first_answer(&mut self, start: Instant) -> Result<()> {
        while start.elapsed() < START {
            if let Ok(mut client) = Client::connect(&self.target).await {
                client.ask().await?;
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("the server stopped before it answered: {status}");
            }
            std::thread::sleep(RETRY);
        }
        bail!("the server did not answer within {} s", START.as_secs())
    }

    /// Resident memory in MB (10^6 bytes), as `VmRSS` says.
    pub fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    /// CPU time that the process has used.
    pub fn cpu(&self) -> Result<Duration> {
        let mut total = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let schedule = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            total += schedule
                .split_whitespace()
                .next()
                .and_then(|time| time.parse::<u64>().ok())
                .unwrap_or_default();
        }
        Ok(Duration::from_nanos(total))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

// === impl Program ===

impl Program<'_> {
    fn command(&self, address: SocketAddr, identity: &Identity) -> Result<Command> {
        let mut command = match self {
            Self::Ordinance(binary) => Command::new(binary),
            Self::AllowAll => Command::new(std::env::current_exe()?),
        };
        command.arg(if matches!(self, Self::AllowAll) { "allow-all" } else { "serve" });
        command.arg("--listen").arg(address.to_string());
        command.arg("--tls-cert").arg(identity.certificate()).arg("--tls-key").arg(identity.key());
        if matches!(self, Self::Ordinance(_)) {
            command.args(["--admin-listen", "127.0.0.1:0"]);
        }
        Ok(command)
    }
}
