//! `ordinance serve`: checks the configuration, opens the sockets, and serves until a signal.

mod auditor;
mod certificates;
mod descriptors;
mod identity;
mod issuer;
mod readiness;
mod ready_file;
mod signals;

use super::exit::Exit;
use super::output::{CommonArgs, print};
use super::policies::{self, Auditing, ServedPolicy};
use crate::admission::UnreadableObject;
use crate::allocator;
use crate::clock::Clock;
use crate::cluster::{ApiServerAccess, BackgroundAudit, ClusterWatches, EventWriter, Reservations, WatchSet};
use crate::config::{
    ConfigFile, ConfigSource, InputError, Layers, LogLevel, RecordingConfig, ServeArgs, ServeConfig, Sockets,
};
use crate::events::EventQueue;
use crate::judge::Judge;
use crate::logs;
use crate::memory::MemoryPlan;
use crate::metrics::Metrics;
use crate::recording::Recorder;
use crate::server::{
    Callers, MetricsListener, PolicyRoute, ProbeListener, Readiness, RecordingListener, Routes,
    WebhookServer, stop,
};
use anyhow::{Context, Result};
use auditor::PreparedAudit;
use certificates::{CertificateReloader, Certificates};
use clap::ArgMatches;
use issuer::{Issuer, RunningIssuer};
use ordinance_certs::AcceptedPaths;
use ready_file::{Addresses, ReadyReport};
use rustls::ServerConfig;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::net::TcpSocket;

/// The error of a system without free threads.
const NO_THREADS: &str = "the system has no resources for threads";

/// The least worker threads, so that connections are accepted during an evaluation.
const LEAST_WORKERS: usize = 2;

/// The connections that the kernel holds until they are accepted, as far as its own limit allows.
const BACKLOG: u32 = 4_096;

/// A server whose configuration is checked and whose policies are loaded, before its sockets are open.
struct PreparedServer {
    sockets: Sockets,
    memory: MemoryPlan,
    layers: Layers,
    tls: Arc<ServerConfig>,
    ca_bundle: String,
    reloader: Option<CertificateReloader>,
    issuer: Option<Issuer>,
    callers: Callers,
    policies: Vec<ServedPolicy>,
    cluster: Option<(ApiServerAccess, Arc<WatchSet>)>,
    /// Whether to write Events.
    events: bool,
    /// Whether to reserve keys.
    reservations: bool,
    audit: Option<PreparedAudit>,
    recording: Option<RecordingConfig>,
    metrics: Arc<Metrics>,
}

/// Serves until a signal. With `--print-config`, only prints the effective configuration.
pub(super) fn run(args: &ServeArgs, matches: &ArgMatches, common: CommonArgs) -> Result<Exit> {
    allocator::keep_large_buffers_apart();
    let layers = Layers::new(args, matches)?;
    let file = layers.config()?;
    let mut log = file.log;
    log.level = level(log.level, &layers, common);
    logs::start(log, common.color.on_stderr());
    logs::hide_panic_messages();
    let server = PreparedServer::new(ServeConfig::check(&file, &layers, SystemTime::now())?, layers)?;
    if args.print_config {
        return server.print_config(file);
    }
    server.serve()?;
    Ok(Exit::Success)
}

/// Returns the log level. A level from a flag or a variable overrides `-q` and `-v`.
fn level(named: LogLevel, layers: &Layers, common: CommonArgs) -> LogLevel {
    match layers.source(&["log", "level"]) {
        ConfigSource::Flag(_) | ConfigSource::Environment(_) => named,
        ConfigSource::File(_) | ConfigSource::Default => adjusted(named, common),
    }
}

/// Returns the level that `-q` or `-v` selects.
const fn adjusted(level: LogLevel, common: CommonArgs) -> LogLevel {
    match (common.quiet, common.verbose) {
        (true, _) => LogLevel::Error,
        (false, 0) => level,
        (false, 1) => LogLevel::Debug,
        (false, _) => LogLevel::Trace,
    }
}

/// Listens on an address, with room for connections that arrive faster than they are accepted.
fn listen(address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Counts and logs the existing objects that a policy can't read, because their keys are not in its index.
fn report_unreadable(policies: &[ServedPolicy], metrics: &Metrics) {
    for ServedPolicy { name, unreadable, .. } in policies {
        let index = metrics.index(name);
        for UnreadableObject { object, reason } in unreadable {
            index.unreadable(&object.resource);
            tracing::warn!(policy = name, ?object, reason, "the policy can't read an existing object");
        }
    }
}

// === impl PreparedServer ===

impl PreparedServer {
    /// Gets the certificate, compiles the policies and runs each of them once.
    fn new(config: ServeConfig, layers: Layers) -> Result<Self> {
        let metrics = Arc::new(Metrics::new());
        let now = SystemTime::now();
        let namespace = auditor::namespace(&config.certificate);
        let Certificates { tls, ca_bundle, reloader, issuer, callers } =
            Certificates::new(config.certificate, config.clients, &metrics, now)?;
        let limits = &config.sockets.limits;
        let engine = policies::server_engine(limits, config.cache_dir.as_deref())?;
        let (policies, cluster, audited) = match config.cluster {
            None => {
                (policies::all(&config.policies, &config.state, &engine, limits, &metrics)?, None, Vec::new())
            }
            Some(access) => {
                let auditing = if config.audit.is_some() { Auditing::On } else { Auditing::Off };
                let (policies, watches, audited) =
                    policies::with_cluster(&config.policies, &engine, limits, &metrics, auditing)?;
                (policies, Some((access, watches)), audited)
            }
        };
        let audit = config.audit.map(|config| PreparedAudit::new(config, audited, namespace));
        report_unreadable(&policies, &metrics);
        Ok(Self {
            sockets: config.sockets,
            memory: config.memory,
            layers,
            tls,
            ca_bundle,
            reloader: Some(reloader),
            issuer,
            callers,
            policies,
            cluster,
            events: config.events,
            reservations: config.reservations,
            audit,
            recording: config.recording,
            metrics,
        })
    }

    fn print_config(mut self, mut file: ConfigFile) -> Result<Exit> {
        file.limits = self.sockets.limits.clone();
        file.name_metrics_listen();
        file.name_cluster();
        for policy in &self.policies {
            file.name_policy(&policy.name);
            self.layers.name_policy(&policy.name);
        }
        print(self.layers.print(&file).as_bytes())?;
        Ok(Exit::Success)
    }

    /// Opens the sockets and serves until the server has stopped.
    fn serve(self) -> Result<()> {
        tracing::info!("memory: {}", self.memory);
        ready_file::remove(self.sockets.ready_file.as_deref());
        descriptors::raise_limit(&self.sockets.limits);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(self.sockets.limits.evaluations.max(LEAST_WORKERS))
            .enable_all()
            .build()
            .context(NO_THREADS)?;
        runtime.block_on(self.serve_on_runtime())
    }

    async fn serve_on_runtime(mut self) -> Result<()> {
        let readiness = Readiness::new();
        let (stopper, stop) = stop();
        signals::listen(stopper)?;
        let client = self.client().await?;
        if self.issuer.is_none() {
            self.callers.accept(AcceptedPaths::anyone());
        }
        let listener = listen(self.sockets.listen)
            .map_err(|error| self.bind_error("listen", self.sockets.listen, &error))?;
        let (probes, metrics) = (self.probes(readiness.clone())?, self.metrics_listener()?);
        let recording = self.start_recording()?;
        let (recorder, _reviews) = recording.unzip();
        let addresses =
            Addresses { https: listener.local_addr()?, admin: probes.address(), metrics: metrics.address() };
        let (events, event_writer) = self.start_events(client.as_ref().map(|(config, _)| config))?.unzip();
        let server =
            tokio::spawn(self.server(readiness.clone(), events.clone(), recorder)?.run(listener, stop));
        let is_self_signed = self.reloader.as_ref().is_some_and(CertificateReloader::is_self_signed);
        let interval = self.sockets.reload_interval;
        let _reloads = self.reloader.take().map(|reloader| reloader.start(interval)).transpose()?;
        let issuer = self.start_issuer(client.as_ref().map(|(config, _)| config), &readiness)?;
        let audit = self.start_audit(client.as_ref())?;
        let _cluster =
            client.map(|(config, watches)| self.start_watches(config, &watches, events)).transpose()?;
        let watches = self.cluster.as_ref().map(|(_, watches)| &**watches);
        let updates = readiness::maintain(watches, issuer.as_ref(), &readiness, || {
            let bundle = issuer.as_ref().map_or_else(|| self.ca_bundle.clone(), RunningIssuer::bundle);
            let report = ReadyReport::new(addresses, bundle, self.paths());
            if is_self_signed {
                report.log_ca();
            }
            report.publish(self.sockets.ready_file.as_deref())
        });
        let outcome = tokio::select! {
            stopped = server => stopped
                .context("the server panicked")
                .and_then(|stopped| stopped.context(NO_THREADS)),
            error = updates => Err(error.into()),
        };
        if let Some(audit) = audit {
            audit.stop().await;
        }
        if let Some(issuer) = issuer {
            issuer.stop().await;
        }
        if let Some(writer) = event_writer {
            writer.stop().await;
        }
        outcome.inspect(|()| tracing::info!("stopped"))
    }

    /// Returns the paths of the policies, without a token.
    fn paths(&self) -> Vec<String> {
        let names = self.policies.iter().map(|policy| &policy.name);
        names.flat_map(|name| [format!("/mutate/{name}"), format!("/validate/{name}")]).collect()
    }

    /// Starts to manage the CA, if the certificate is self-managed.
    fn start_issuer(
        &mut self,
        config: Option<&kube::Config>,
        readiness: &Readiness,
    ) -> Result<Option<RunningIssuer>, InputError> {
        let (Some(issuer), Some(config)) = (self.issuer.take(), config) else { return Ok(None) };
        issuer.start(config.clone(), readiness.clone()).map(Some).map_err(|error| self.client_error(&error))
    }

    /// Starts the audit in the background, if it is asked for.
    fn start_audit(
        &mut self,
        client: Option<&(kube::Config, Arc<WatchSet>)>,
    ) -> Result<Option<BackgroundAudit>, InputError> {
        let (Some(audit), Some((config, watches))) = (self.audit.take(), client) else { return Ok(None) };
        let started = audit.start(config.clone(), Arc::clone(watches), &self.metrics);
        started.map(Some).map_err(|error| self.client_error(&error))
    }

    /// Returns the client's configuration and the watches to start, or `None` without a cluster.
    async fn client(&self) -> Result<Option<(kube::Config, Arc<WatchSet>)>, InputError> {
        let Some((access, watches)) = &self.cluster else { return Ok(None) };
        let config = access.config().await.map_err(|error| self.client_error(&error))?;
        Ok(Some((config, Arc::clone(watches))))
    }

    fn start_watches(
        &self,
        config: kube::Config,
        watches: &WatchSet,
        events: Option<EventQueue>,
    ) -> Result<ClusterWatches, InputError> {
        let admissions: Vec<_> = self.policies.iter().map(|policy| Arc::clone(&policy.admission)).collect();
        let reservations = self.reservations.then(|| Reservations {
            retention: self.sockets.limits.retention(),
            clock: Clock::default(),
            metrics: Arc::clone(&self.metrics),
            events,
        });
        if reservations.is_none() {
            tracing::warn!(
                "nothing is reserved: two objects that exclude each other, created in the same instant through two replicas, can \
                 both be admitted; set `reservations: true`"
            );
        }
        ClusterWatches::start(config, watches, &admissions, reservations.as_ref())
            .map_err(|error| self.client_error(&error))
    }

    /// Starts the writer of Events, if they are asked for, and returns its queue.
    fn start_events(
        &self,
        config: Option<&kube::Config>,
    ) -> Result<Option<(EventQueue, EventWriter)>, InputError> {
        let Some(config) = config.filter(|_| self.events) else { return Ok(None) };
        let (queue, events) = EventQueue::new(self.metrics.events());
        let writer = EventWriter::start(config.clone(), events, Clock::default(), self.metrics.events());
        writer.map(|writer| Some((queue, writer))).map_err(|error| self.client_error(&error))
    }

    fn client_error(&self, error: &dyn std::error::Error) -> InputError {
        InputError::new(self.layers.place(&["cluster", "source"]), error)
    }

    fn probes(&self, readiness: Readiness) -> Result<ProbeListener> {
        let listener = self.bind("adminListen", self.sockets.admin_listen)?;
        ProbeListener::start(listener, readiness, &self.metrics).context(NO_THREADS)
    }

    fn metrics_listener(&self) -> Result<MetricsListener> {
        let listener = self.bind("metricsListen", self.sockets.metrics_listen)?;
        MetricsListener::start(listener, &self.metrics).context(NO_THREADS)
    }

    fn bind(&self, field: &str, address: SocketAddr) -> Result<TcpListener, InputError> {
        TcpListener::bind(address).map_err(|error| self.bind_error(field, address, &error))
    }

    /// Starts to keep reviews, and to serve them, if that is asked for.
    fn start_recording(&self) -> Result<Option<(Recorder, RecordingListener)>> {
        let Some(RecordingConfig { limits, parts, listen }) = self.recording else { return Ok(None) };
        let address = TcpListener::bind(listen).map_err(|error| {
            let place = self.layers.place(&["recording", "listen"]);
            InputError::new(
                place,
                format_args!("can't listen on {listen}: {error}; give another address, or port 0"),
            )
        })?;
        let recorder = Recorder::start(limits, parts, self.metrics.recording()).context(NO_THREADS)?;
        let listener =
            RecordingListener::start(address, recorder.clone(), &self.metrics).context(NO_THREADS)?;
        tracing::info!(
            reviews = limits.reviews,
            address = %listener.address(),
            "keeps the last reviews; `ordinance record --from http://{}` fetches them",
            listener.address()
        );
        Ok(Some((recorder, listener)))
    }

    fn server(
        &self,
        readiness: Readiness,
        events: Option<EventQueue>,
        recorder: Option<Recorder>,
    ) -> Result<WebhookServer> {
        let routes = self.policies.iter().map(|policy| {
            let judge = Arc::clone(&policy.admission) as Arc<dyn Judge>;
            let route = PolicyRoute::new(&policy.name, judge, &self.metrics);
            route.on_error(policy.on_error).events(events.clone())
        });
        Ok(WebhookServer {
            tls: Arc::clone(&self.tls),
            routes: Routes::new(routes),
            callers: self.callers.clone(),
            limits: Arc::new(self.sockets.limits.clone()),
            metrics: Arc::clone(&self.metrics),
            recorder,
            readiness,
        })
    }

    fn bind_error(&self, field: &str, address: SocketAddr, error: &std::io::Error) -> InputError {
        let place = self.layers.place(&[field]);
        InputError::new(
            place,
            format_args!("can't listen on {address}: {error}; give another address, or port 0"),
        )
    }
}
