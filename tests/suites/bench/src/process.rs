//! Servers in processes of their own, and their memory and CPU time.

use crate::load::{Client, LoadTarget, MUTATE};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a server may take until its first answer.
const START: Duration = Duration::from_secs(10);

/// How long another webhook may take, which compiles its policies first.
const OTHER_START: Duration = Duration::from_secs(60);

/// How long a server may take to read a large cluster.
const SYNC: Duration = Duration::from_secs(120);

/// The pause before a refused connection is tried again: far below the measured times.
const RETRY: Duration = Duration::from_micros(200);

/// The interval between two checks of the ready file. A sync takes seconds.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The certificate of all servers, and a TLS client configuration that trusts it.
pub struct ServerIdentity {
    directory: tempfile::TempDir,
    tls: Arc<rustls::ClientConfig>,
}

/// A server process. Dropping it kills the process.
pub struct ServerProcess {
    process: Child,
    /// The address and the requests for this server.
    pub target: LoadTarget,
    /// The time from `exec` to the first verdict, or to the ready file.
    pub first_verdict: Duration,
}

/// A kind of server.
pub enum Program<'a> {
    /// `ordinance serve` with the built-in policy.
    Ordinance(&'a Path),
    /// `ordinance serve` that watches the cluster of a kubeconfig, and writes a file when it is ready.
    Following {
        /// The binary.
        ordinance: &'a Path,
        kubeconfig: &'a Path,
        ready_file: &'a Path,
        /// Whether it audits the cluster.
        audits: bool,
    },
    /// This program as a server that allows everything.
    AllowAll,
    /// Another webhook.
    Other {
        /// Its command line, with placeholders for the port and the certificate.
        command: &'a [String],
        /// The path at which it reviews.
        path: &'a str,
    },
}

// === impl ServerIdentity ===

impl ServerIdentity {
    /// Generates a certificate for `localhost`.
    pub fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        fs::write(directory.path().join("tls.crt"), made.cert.pem())?;
        fs::write(directory.path().join("tls.key"), made.signing_key.serialize_pem())?;
        Ok(Self { directory, tls: Arc::new(trusting(made.cert.der())?) })
    }

    /// Returns the configuration of a client that trusts the certificate.
    pub fn client(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// The path of the certificate.
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("tls.crt")
    }

    /// The path of the private key.
    pub fn key(&self) -> PathBuf {
        self.directory.path().join("tls.key")
    }
}

/// Returns a client configuration that trusts one certificate.
fn trusting(certificate: &CertificateDer<'static>) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

// === impl ServerProcess ===

impl ServerProcess {
    /// Starts a server, and waits for its first verdict on a review.
    pub async fn start(program: &Program<'_>, identity: &ServerIdentity, body: &Bytes) -> Result<Self> {
        let start = Instant::now();
        let mut server = Self::spawn(program, identity, body)?;
        server.first_answer(start, program.start_time()).await?;
        server.first_verdict = start.elapsed();
        Ok(server)
    }

    /// Starts a server that watches a cluster, and waits until it is ready.
    pub async fn follow(ordinance: &Path, identity: &ServerIdentity, kubeconfig: &Path) -> Result<Self> {
        Self::start_following(ordinance, identity, kubeconfig, false).await
    }

    /// Starts a server that watches and audits a cluster, and waits until it is ready.
    pub async fn audit(ordinance: &Path, identity: &ServerIdentity, kubeconfig: &Path) -> Result<Self> {
        Self::start_following(ordinance, identity, kubeconfig, true).await
    }

    async fn start_following(
        ordinance: &Path,
        identity: &ServerIdentity,
        kubeconfig: &Path,
        audits: bool,
    ) -> Result<Self> {
        let ready_file = kubeconfig.with_extension("ready");
        let program = Program::Following { ordinance, kubeconfig, ready_file: &ready_file, audits };
        let start = Instant::now();
        let mut server = Self::spawn(&program, identity, &Bytes::new())?;
        while !ready_file.exists() {
            server.is_running()?;
            ensure!(start.elapsed() < SYNC, "the server was not ready within {} s", SYNC.as_secs());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        server.first_verdict = start.elapsed();
        Ok(server)
    }

    fn spawn(program: &Program<'_>, identity: &ServerIdentity, body: &Bytes) -> Result<Self> {
        let address = free_port()?;
        let mut command = program.command(address, identity)?;
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let target = LoadTarget {
            address,
            tls: Arc::clone(&identity.tls),
            body: body.clone(),
            path: program.path().into(),
        };
        Ok(Self { process, target, first_verdict: Duration::ZERO })
    }

    fn is_running(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            Some(status) => bail!("the server stopped before it answered: {status}"),
            None => Ok(()),
        }
    }

    async fn first_answer(&mut self, start: Instant, limit: Duration) -> Result<()> {
        while start.elapsed() < limit {
            if let Ok(mut client) = Client::connect(&self.target).await {
                client.ask().await?;
                return Ok(());
            }
            self.is_running()?;
            std::thread::sleep(RETRY);
        }
        bail!("the server did not answer within {} s", limit.as_secs())
    }

    /// Returns the resident memory in MB (10^6 bytes), from `VmRSS`.
    pub fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    /// Returns the CPU time that the process has used.
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

impl Drop for ServerProcess {
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
    /// Returns how long it may take until its first answer.
    fn start_time(&self) -> Duration {
        if matches!(self, Self::Other { .. }) { OTHER_START } else { START }
    }

    /// Returns the path of its webhook.
    fn path(&self) -> &str {
        match self {
            Self::Other { path, .. } => path,
            _ => MUTATE,
        }
    }

    fn command(&self, address: SocketAddr, identity: &ServerIdentity) -> Result<Command> {
        let mut command = match self {
            Self::Ordinance(ordinance) | Self::Following { ordinance, .. } => Command::new(ordinance),
            Self::AllowAll => Command::new(std::env::current_exe()?),
            Self::Other { command, .. } => return other_command(command, address, identity),
        };
        command.arg(if matches!(self, Self::AllowAll) { "allow-all" } else { "serve" });
        command.arg("--listen").arg(address.to_string());
        command.arg("--tls-cert").arg(identity.certificate()).arg("--tls-key").arg(identity.key());
        if !matches!(self, Self::AllowAll) {
            command.args(["--admin-listen", "127.0.0.1:0"]);
        }
        if let Self::Following { kubeconfig, ready_file, audits, .. } = self {
            command.arg("--kubeconfig").arg(kubeconfig).arg("--ready-file").arg(ready_file);
            command.args(["--audit-interval", if *audits { "1m" } else { "0s" }]);
        }
        Ok(command)
    }
}

/// Returns the command of another webhook, with its port and its certificate.
fn other_command(words: &[String], address: SocketAddr, identity: &ServerIdentity) -> Result<Command> {
    let (certificate, key) = (identity.certificate(), identity.key());
    let word = |word: &String| {
        word.replace("{port}", &address.port().to_string())
            .replace("{cert}", &certificate.to_string_lossy())
            .replace("{key}", &key.to_string_lossy())
    };
    let mut words = words.iter().map(word);
    let mut command = Command::new(words.next().context("the other server has no command")?);
    command.args(words);
    Ok(command)
}
