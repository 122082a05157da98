//! `ordinance serve`: from the checked configuration to sockets, and down again in order.

mod certificates;
mod issuing;
mod readiness;
mod ready;
mod signals;

use super::policies::{self, Judged};
use super::{CommonArgs, Exit, print};
use crate::admission::LeftOut;
use crate::cluster::{Access, Cluster, Freshness};
use crate::config::{ConfigFile, Fault, Layers, LogLevel, ServeArgs, ServeConfig, Sockets, Source};
use crate::judge::Judge;
use crate::logs;
use crate::metrics::Metrics;
use crate::server::{Admin, Readiness, Route, Routes, Server, stop};
use anyhow::{Context, Result};
use certificates::{Certificates, Watched};
use clap::ArgMatches;
use issuing::{Issuer, Issuing};
use ready::Ready;
use rustls::ServerConfig;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::SystemTime;

/// All that is needed to open the sockets; whatever can be wrong was found out.
struct Host {
    sockets: Sockets,
    layers: Layers,
    tls: Arc<ServerConfig>,
    ca_bundle: String,
    watched: Option<Watched>,
    issuer: Option<Issuer>,
    policies: Vec<Judged>,
    cluster: Option<(Access, Arc<Freshness>)>,
    metrics: Arc<Metrics>,
}

/// Serves until a signal; with `--print-config` only says what it would do.
pub(super) fn run(args: &ServeArgs, matches: &ArgMatches, common: CommonArgs) -> Result<Exit> {
    let layers = Layers::new(args, matches)?;
    let file = layers.config()?;
    let mut log = file.log;
    log.level = level(log.level, &layers, common);
    logs::start(log, common.color.on_stderr());
    logs::quote_no_panic();
    let host = Host::prepare(ServeConfig::check(&file, &layers, SystemTime::now())?, layers)?;
    if args.print_config {
        return host.print_config(file);
    }
    host.serve()?;
    Ok(Exit::Fine)
}

/// A level that was named counts before `-q` and `-v`.
fn level(named: LogLevel, layers: &Layers, common: CommonArgs) -> LogLevel {
    match layers.source(&["log", "level"]) {
        Source::Flag(_) | Source::Environment(_) => named,
        Source::File(_) | Source::Default => adjusted(named, common),
    }
}

/// The level after `-q` or `-v`.
const fn adjusted(level: LogLevel, common: CommonArgs) -> LogLevel {
    match (common.quiet, common.verbose) {
        (true, _) => LogLevel::Error,
        (false, 0) => level,
        (false, 1) => LogLevel::Debug,
        (false, _) => LogLevel::Trace,
    }
}

/// What a policy can't read is not known to it: that must not go unseen.
fn tell_left_out(policies: &[Judged], metrics: &Metrics) {
    for Judged { name, left_out, .. } in policies {
        let index = metrics.index(name);
        for LeftOut { object, reason } in left_out {
            index.unreadable(&object.resource);
            tracing::warn!(policy = name, ?object, reason, "exists, but can't be read by the policy");
        }
    }
}

// === impl Host ===

impl Host {
    /// Makes the certificate, compiles the policies and runs each once.
    fn prepare(config: ServeConfig, layers: Layers) -> Result<Self> {
        let metrics = Arc::new(Metrics::new());
        let now = SystemTime::now();
        let Certificates { tls, ca_bundle, watched, issuer } =
            Certificates::new(config.certificate, config.clients, &metrics, now)?;
        let limits = &config.sockets.limits;
        let (policies, cluster) = match config.cluster {
            None => (policies::all(&config.policies, &config.state, limits, &metrics)?, None),
            Some(access) => {
                let (policies, freshness) = policies::following(&config.policies, limits, &metrics)?;
                (policies, Some((access, freshness)))
            }
        };
        tell_left_out(&policies, &metrics);
        Ok(Self {
            sockets: config.sockets,
            layers,
            tls,
            ca_bundle,
            watched: Some(watched),
            issuer,
            policies,
            cluster,
            metrics,
        })
    }

    fn print_config(mut self, mut file: ConfigFile) -> Result<Exit> {
        file.name_cluster();
        for policy in &self.policies {
            file.name_policy(&policy.name);
            self.layers.name_policy(&policy.name);
        }
        print(self.layers.print(&file).as_bytes())?;
        Ok(Exit::Fine)
    }

    /// Opens the sockets and serves until it has stopped.
    fn serve(self) -> Result<()> {
        ready::forget(self.sockets.ready_file.as_deref());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(self.sockets.limits.evaluations)
            .enable_all()
            .build()
            .context("the system has no resources for threads")?;
        runtime.block_on(self.serve_on_runtime())
    }

    async fn serve_on_runtime(mut self) -> Result<()> {
        let readiness = Readiness::new();
        let (stopper, stop) = stop();
        signals::listen(stopper)?;
        let client = self.client().await?;
        let listener = tokio::net::TcpListener::bind(self.sockets.listen)
            .await
            .map_err(|error| self.not_bound("listen", self.sockets.listen, &error))?;
        let address = listener.local_addr()?;
        let admin = self.admin(readiness.clone())?;
        let server = tokio::spawn(self.server(readiness.clone())?.run(listener, stop));
        let is_self_signed = self.watched.as_ref().is_some_and(Watched::is_self_signed);
        let interval = self.sockets.reload_interval;
        let _reloads = self.watched.take().map(|watched| watched.start(interval)).transpose()?;
        let issuing = self.issue(client.as_ref().map(|(config, _)| config), &readiness)?;
        let _cluster = client.map(|(config, freshness)| self.follow(config, &freshness)).transpose()?;
        let freshness = self.cluster.as_ref().map(|(_, freshness)| &**freshness);
        let attending = readiness::attend(freshness, issuing.as_ref(), &readiness, || {
            let bundle = issuing.as_ref().map_or_else(|| self.ca_bundle.clone(), Issuing::bundle);
            let ready = Ready::new(address, admin.address(), bundle);
            if is_self_signed {
                ready.tell_ca();
            }
            ready.tell(self.sockets.ready_file.as_deref())
        });
        let outcome = tokio::select! {
            stopped = server => stopped
                .context("the server panicked")
                .and_then(|stopped| stopped.context("the system has no resources for threads")),
            fault = attending => Err(fault.into()),
        };
        if let Some(issuing) = issuing {
            issuing.end().await;
        }
        outcome.inspect(|()| tracing::info!("stopped"))
    }

    /// Begins to keep the CA, where it is the host's own.
    fn issue(
        &mut self,
        config: Option<&kube::Config>,
        readiness: &Readiness,
    ) -> Result<Option<Issuing>, Fault> {
        let (Some(issuer), Some(config)) = (self.issuer.take(), config) else { return Ok(None) };
        issuer.start(config.clone(), readiness.clone()).map(Some).map_err(|error| self.no_client(&error))
    }

    /// How to speak to the API server, and who keeps count of what it says; none without a cluster.
    async fn client(&self) -> Result<Option<(kube::Config, Arc<Freshness>)>, Fault> {
        let Some((access, freshness)) = &self.cluster else { return Ok(None) };
        let config = access.config().await.map_err(|error| self.no_client(&error))?;
        Ok(Some((config, Arc::clone(freshness))))
    }

    /// Begins to watch.
    fn follow(&self, config: kube::Config, freshness: &Freshness) -> Result<Cluster, Fault> {
        let admissions: Vec<_> = self.policies.iter().map(|policy| Arc::clone(&policy.judge)).collect();
        Cluster::start(config, freshness, &admissions).map_err(|error| self.no_client(&error))
    }

    fn no_client(&self, error: &dyn std::error::Error) -> Fault {
        Fault::new(self.layers.place(&["cluster", "source"]), error)
    }

    fn admin(&self, readiness: Readiness) -> Result<Admin> {
        let address = self.sockets.admin_listen;
        let listener =
            TcpListener::bind(address).map_err(|error| self.not_bound("adminListen", address, &error))?;
        Admin::start(listener, readiness, Arc::clone(&self.metrics))
            .context("the system has no resources for the admin listener")
    }

    fn server(&self, readiness: Readiness) -> Result<Server> {
        let routes = self.policies.iter().map(|policy| {
            let judge = Arc::clone(&policy.judge) as Arc<dyn Judge>;
            Route::new(&policy.name, judge, &self.metrics).on_error(policy.on_error)
        });
        Ok(Server {
            tls: Arc::clone(&self.tls),
            routes: Routes::new(routes),
            limits: Arc::new(self.sockets.limits.clone()),
            metrics: Arc::clone(&self.metrics),
            readiness,
        })
    }

    fn not_bound(&self, field: &str, address: SocketAddr, error: &std::io::Error) -> Fault {
        let place = self.layers.place(&[field]);
        Fault::new(place, format_args!("can't listen on {address}: {error}; give another address, or port 0"))
    }
}
