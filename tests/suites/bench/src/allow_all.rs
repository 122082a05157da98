//! The server without a policy, as a reference for the cost of the policy.

use anyhow::{Context, Result};
use ordinance::judge::Judge;
use ordinance::limits::Limits;
use ordinance::metrics::Metrics;
use ordinance::server::{Callers, PolicyRoute, Readiness, Routes, WebhookServer, stop};
use ordinance_certs::{Files, server_config};
use ordinance_contract::{Request, Verdict};
use ordinance_engine::{Execution, Failure};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use tokio::net::TcpListener;

/// The address and the certificate of the server.
#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    tls_cert: PathBuf,
    #[arg(long)]
    tls_key: PathBuf,
}

/// A judge that allows everything.
#[derive(Debug)]
struct AllowAll;

impl Judge for AllowAll {
    fn judge(&self, _request: &Request<'_>, _deadline: Instant) -> Result<Verdict, Failure> {
        Ok(Verdict::allow())
    }

    fn execution(&self) -> Execution {
        Execution::Inline
    }
}

/// Serves until the process is killed.
pub fn serve(arguments: &Arguments) -> Result<ExitCode> {
    let limits = Arc::new(Limits::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(arguments.listen).await.context("can't listen")?;
        let (_stopper, stop) = stop();
        server(&arguments.tls_cert, &arguments.tls_key, limits)?.run(listener, stop).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Returns a server with the certificate and the key of these files.
pub fn server(certificate: &Path, key: &Path, limits: Arc<Limits>) -> Result<WebhookServer> {
    let files = Files::open(certificate, key, SystemTime::now())?;
    let metrics = Arc::new(Metrics::new());
    Ok(WebhookServer {
        recorder: None,
        callers: Callers::anyone(),
        tls: Arc::new(server_config(files.served(), None)?),
        routes: Routes::new([PolicyRoute::new("storage", Arc::new(AllowAll), &metrics)]),
        limits,
        metrics,
        readiness: Readiness::new(),
    })
}
