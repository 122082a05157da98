//! `ordinance serve`: from the checked configuration to sockets, and down again in order.

mod certificates;
mod ready;
mod signals;

use super::policies::{self, Judged};
use super::{CommonArgs, Exit, print};
use crate::admission::LeftOut;
use crate::config::{ConfigFile, Fault, Layers, LogLevel, ServeArgs, ServeConfig, Sockets, Source};
use crate::logs;
use crate::metrics::Metrics;
use crate::server::{Admin, Readiness, Route, Routes, Server, stop};
use anyhow::{Context, Result};
use certificates::{Certificates, Watched};
use clap::ArgMatches;
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
    policies: Vec<Judged>,
    metrics: Arc<Metrics>,
}

/// Serves until a signal; with `--print-config` only says what it would do.
pub(super) fn run(args: &ServeArgs, matches: &ArgMatches, common: CommonArgs) -> Result<Exit> {
    let layers = Layers::new(args, matches)?;
    let file = layers.config()?;
    let mut log = file.log;
    log.level = level(log.level, &layers, common);
    logs::start(log, common.color);
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
        Source::File(_) | Source::Default => named.adjusted(common),
    }
}

/// What a policy can't read is not known to it: that must not go unseen.
fn tell_left_out(policies: &[Judged], metrics: &Metrics) {
    for Judged { name, left_out, .. } in policies {
        for LeftOut { object, reason } in left_out {
            metrics.unreadable_object(name);
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
        let Certificates { tls, ca_bundle, watched } =
            Certificates::new(config.certificate, config.clients, &metrics, now)?;
        let policies = policies::all(&config.policies, &config.state, &config.sockets.limits, &metrics)?;
        tell_left_out(&policies, &metrics);
        Ok(Self {
            sockets: config.sockets,
            layers,
            tls,
            ca_bundle,
            watched: Some(watched),
            policies,
            metrics,
        })
    }

    fn print_config(mut self, mut file: ConfigFile) -> Result<Exit> {
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
        let listener = tokio::net::TcpListener::bind(self.sockets.listen)
            .await
            .map_err(|error| self.not_bound("listen", self.sockets.listen, &error))?;
        let admin = self.admin(readiness.clone())?;
        let ready = Ready::new(listener.local_addr()?, admin.address(), &self.ca_bundle);
        let server = tokio::spawn(self.server(readiness.clone())?.run(listener, stop));
        readiness.ready();
        if self.watched.as_ref().is_some_and(Watched::is_self_signed) {
            ready.tell_ca();
        }
        ready.tell(self.sockets.ready_file.as_deref())?;
        let interval = self.sockets.reload_interval;
        let _reloads = self.watched.take().map(|watched| watched.start(interval)).transpose()?;
        server.await.context("the server panicked")?.context("the system has no resources for threads")?;
        tracing::info!("stopped");
        Ok(())
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
            Route::new(&policy.name, Arc::clone(&policy.judge), &self.metrics).on_error(policy.on_error)
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
