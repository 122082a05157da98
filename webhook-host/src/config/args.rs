//! The flags and environment variables of `ordinance serve`, before they are merged and checked.

use super::file::{CertificateSource, ClusterSource, LogFormat, LogLevel, UNNAMED};
use super::source::{ConfigSource, Override};
use crate::review::OnError;
use crate::units::DurationText;
use clap::builder::{BoolishValueParser, OsStringValueParser, PathBufValueParser, TypedValueParser as _};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use ordinance_engine::WasiImports;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Answer the API server's admission reviews over TLS
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance serve --self-signed --listen 127.0.0.1:0 --ready-file ready.json
  ordinance serve --tls-cert /tls/tls.crt --tls-key /tls/tls.key --settings settings.yaml
  ordinance serve --cert self-managed --kubeconfig ~/.kube/config --config ordinance.yaml
  ordinance serve --self-signed --kubeconfig ~/.kube/config --context kind-test --events
  ordinance serve --config ordinance.yaml --print-config

A flag overrides its environment variable, which overrides the file, which overrides the default.
The first SIGTERM or SIGINT stops the server gracefully, the second one at once.")]
pub struct ServeArgs {
    /// Configuration file in YAML or JSON; `ordinance schema config` prints its schema.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
    /// Print the effective configuration and the source of each value, and exit without binding sockets.
    #[arg(long, env = "ORDINANCE_PRINT_CONFIG", hide_env = true, value_parser = BoolishValueParser::new())]
    pub print_config: bool,
    /// Address of the TLS listener; port 0 picks a free port [default: 0.0.0.0:8443].
    #[arg(long, value_name = "ADDR", env = "ORDINANCE_LISTEN", hide_env = true)]
    pub listen: Option<SocketAddr>,
    /// Address of /livez and /readyz, in plain HTTP [default: 0.0.0.0:8080].
    #[arg(long, value_name = "ADDR", env = "ORDINANCE_ADMIN_LISTEN", hide_env = true)]
    pub admin_listen: Option<SocketAddr>,
    /// Address of /metrics, in plain HTTP [default: the port after that of --admin-listen, or a free one if that is 0].
    #[arg(long, value_name = "ADDR", env = "ORDINANCE_METRICS_LISTEN", hide_env = true)]
    pub metrics_listen: Option<SocketAddr>,
    /// File to write atomically once ready: addresses, CA and process id as JSON.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_READY_FILE", hide_env = true)]
    pub ready_file: Option<PathBuf>,
    /// Directory in which compiled components are kept from one start to the next.
    #[arg(long, value_name = "DIR", env = "ORDINANCE_CACHE_DIR", hide_env = true)]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub cache_dir: Option<PathBuf>,
    /// How long to keep accepting connections after SIGTERM [default: 15s].
    #[arg(long, value_name = "TIME", value_parser = DurationText::parse, env = "ORDINANCE_DRAIN_DELAY", hide_env = true)]
    pub drain_delay: Option<Duration>,
    /// The policy, its settings and the existing objects.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// If a policy gives no verdict: deny, or defer to the webhook's failurePolicy [default: deny].
    #[arg(long, value_enum, value_name = "WAY", env = "ORDINANCE_ON_ERROR", hide_env = true)]
    #[arg(help_heading = "Policy", hide_possible_values = true)]
    pub on_error: Option<OnError>,
    /// The watched cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The served certificate and the accepted clients.
    #[command(flatten)]
    pub certificate: CertificateArgs,
    /// Format and level of the log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The component of a policy.
#[derive(Clone, Debug, Default, Args)]
pub struct PolicyComponentArgs {
    /// The policy's Wasm component; without it the built-in policy `storage`
    #[arg(long, value_name = "FILE", env = "ORDINANCE_POLICY", hide_env = true)]
    pub policy: Option<PathBuf>,
    /// What the component may import.
    #[command(flatten)]
    pub wasi: WasiArgs,
}

/// What a component may import.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct WasiArgs {
    /// Load a component that imports WASI, which then has no clock, no files, no network and fixed randomness
    #[arg(long, env = "ORDINANCE_ALLOW_WASI_STUBS", hide_env = true, value_parser = BoolishValueParser::new())]
    pub allow_wasi_stubs: bool,
}

/// The policy of the flags, its settings, and the objects that exist already.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Policy")]
pub struct PolicyArgs {
    /// The policy.
    #[command(flatten)]
    pub component: PolicyComponentArgs,
    /// The policy's settings in YAML or JSON
    #[arg(long, value_name = "FILE", env = "ORDINANCE_SETTINGS", hide_env = true)]
    #[arg(value_parser = PathBufValueParser::new().try_map(no_stdin))]
    pub settings: Option<PathBuf>,
    /// Manifests of existing objects, in YAML or JSON, also as Lists; may be repeated
    #[arg(long, value_name = "FILE|DIR", env = "ORDINANCE_STATE", hide_env = true)]
    pub state: Vec<PathBuf>,
}

/// The cluster to watch. A pod with a service account watches its own cluster by default.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Watch the cluster of this kubeconfig; without it, a pod watches its own cluster.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_KUBECONFIG", hide_env = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig, instead of its current one.
    #[arg(long, value_name = "NAME", env = "ORDINANCE_CONTEXT", hide_env = true)]
    pub context: Option<String>,
    /// Watch no cluster, not even in a pod: index only admitted objects and those of --state.
    #[arg(long, env = "ORDINANCE_NO_CLUSTER", hide_env = true, value_parser = BoolishValueParser::new())]
    pub no_cluster: bool,
    /// Write an Event about each object that would be denied, as with `mode: Warn`, and about each realm that takes no reservation.
    #[arg(long, env = "ORDINANCE_EVENTS", hide_env = true, value_parser = BoolishValueParser::new())]
    pub events: bool,
    /// Reserve nothing through the API server: two replicas may then admit two objects that exclude each other.
    #[arg(long, env = "ORDINANCE_NO_RESERVATIONS", hide_env = true, value_parser = BoolishValueParser::new())]
    pub no_reservations: bool,
    /// Pause between two audits of what the cluster stores; 0s for no audit [default: 1h].
    #[arg(long, value_name = "TIME", value_parser = DurationText::parse, env = "ORDINANCE_AUDIT_INTERVAL")]
    #[arg(hide_env = true)]
    pub audit_interval: Option<Duration>,
}

/// The certificate to serve, and the clients to accept.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Certificate")]
pub struct CertificateArgs {
    /// Source of the certificate: self-managed, files or self-signed [default in a pod: self-managed].
    #[arg(long, value_enum, value_name = "SOURCE", env = "ORDINANCE_CERT", hide_env = true)]
    #[arg(hide_possible_values = true)]
    pub cert: Option<CertificateSource>,
    /// Generate a certificate in memory, for trying things out; short for --cert self-signed.
    #[arg(long, env = "ORDINANCE_SELF_SIGNED", hide_env = true, value_parser = BoolishValueParser::new())]
    pub self_signed: bool,
    /// DNS name or IP address of a self-signed certificate, besides localhost; may be repeated.
    #[arg(long, value_name = "NAME", env = "ORDINANCE_TLS_NAME", hide_env = true, value_delimiter = ',')]
    pub tls_name: Vec<String>,
    /// Certificate with its chain, PEM; reloaded when it changes.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_TLS_CERT", hide_env = true)]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_TLS_KEY", hide_env = true)]
    pub tls_key: Option<PathBuf>,
    /// Accept only clients with a certificate of this CA, PEM.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_CLIENT_CA", hide_env = true)]
    pub client_ca: Option<PathBuf>,
    /// Accept only clients whose certificate has this DNS or common name; may be repeated.
    #[arg(long, value_name = "NAME", env = "ORDINANCE_ALLOWED_NAME", hide_env = true, value_delimiter = ',')]
    pub allowed_name: Vec<String>,
    /// How often to check the files for changes [default: 10s].
    #[arg(long, value_name = "TIME", value_parser = DurationText::parse, env = "ORDINANCE_RELOAD_INTERVAL")]
    #[arg(hide_env = true)]
    pub reload_interval: Option<Duration>,
}

/// The format and level of the log.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// Format of log lines: text or json [default: text].
    #[arg(long, value_enum, value_name = "FORMAT", env = "ORDINANCE_LOG_FORMAT", hide_env = true)]
    #[arg(hide_possible_values = true)]
    pub log_format: Option<LogFormat>,
    /// Lowest level to log: error, warn, info, debug or trace [default: info].
    #[arg(long, value_enum, value_name = "LEVEL", env = "ORDINANCE_LOG_LEVEL", hide_env = true)]
    #[arg(hide_possible_values = true)]
    pub log_level: Option<LogLevel>,
}

// === impl ServeArgs ===

impl ServeArgs {
    /// Returns why these flags can't be combined, whatever the file contains.
    pub fn conflict(&self) -> Option<&'static str> {
        let certificate = &self.certificate;
        let files = certificate.tls_cert.is_some() || certificate.tls_key.is_some();
        if certificate.tls_cert.is_some() != certificate.tls_key.is_some() {
            return Some("--tls-cert and --tls-key belong together: give both");
        }
        if certificate.self_signed && files {
            return Some("--self-signed and --tls-cert are two sources of a certificate: give one");
        }
        let implied = certificate.implied_source();
        if implied.is_some() && certificate.cert.is_some() && implied != certificate.cert {
            return Some("--cert names another source than --self-signed or --tls-cert: give one");
        }
        self.cluster.conflict(&self.policy)
    }

    /// Returns the values of all given flags and variables, each with its field of the file and its source.
    pub(super) fn overrides(&self, matches: &ArgMatches) -> Vec<Override> {
        let mut collector = Collector { matches, overrides: Vec::new() };
        collector.add("listen", &["listen"], self.listen.as_ref());
        collector.add("admin_listen", &["adminListen"], self.admin_listen.as_ref());
        collector.add("metrics_listen", &["metricsListen"], self.metrics_listen.as_ref());
        collector.add("ready_file", &["readyFile"], self.ready_file.as_ref());
        let cache = self.cache_dir.as_ref().filter(|directory| !directory.as_os_str().is_empty());
        collector.add("cache_dir", &["cacheDir"], cache);
        collector.add("drain_delay", &["limits", "drainDelay"], self.drain_delay.map(duration_text).as_ref());
        collector.add("on_error", &["onError"], self.on_error.as_ref());
        self.certificate.collect(&mut collector);
        self.cluster.collect(&mut collector);
        self.policy.collect(&mut collector);
        collector.add("log_format", &["log", "format"], self.log.log_format.as_ref());
        collector.add("log_level", &["log", "level"], self.log.log_level.as_ref());
        collector.overrides
    }
}

// === impl WasiArgs ===

impl WasiArgs {
    /// Returns what the engine is to do with imports of WASI.
    pub const fn imports(self) -> WasiImports {
        if self.allow_wasi_stubs { WasiImports::StandIns } else { WasiImports::Refused }
    }
}

// === impl PolicyArgs ===

impl PolicyArgs {
    fn collect(&self, collector: &mut Collector<'_>) {
        collector.add("state", &["state"], non_empty(&self.state));
        let PolicyComponentArgs { policy, wasi } = &self.component;
        collector.add("policy", &["policies", UNNAMED, "component"], policy.as_ref());
        let stubs = wasi.allow_wasi_stubs.then_some(&true);
        collector.add("allow_wasi_stubs", &["policies", UNNAMED, "allowWasiStubs"], stubs);
        collector.add("settings", &["policies", UNNAMED, "settingsFile"], self.settings.as_ref());
    }
}

// === impl ClusterArgs ===

impl ClusterArgs {
    fn conflict(&self, policy: &PolicyArgs) -> Option<&'static str> {
        if self.no_cluster && self.kubeconfig.is_some() {
            return Some("--kubeconfig names a cluster and --no-cluster turns it off: give one");
        }
        if self.no_cluster && self.events {
            return Some("--events writes to a cluster and --no-cluster turns it off: give one");
        }
        if self.no_cluster && self.audit_interval.is_some() {
            return Some("--audit-interval audits a cluster and --no-cluster turns it off: give one");
        }
        if self.kubeconfig.is_some() && !policy.state.is_empty() {
            return Some("--kubeconfig and --state are two sources of existing objects: give one");
        }
        None
    }

    fn collect(&self, collector: &mut Collector<'_>) {
        let source = ["cluster", "source"];
        collector.add("no_cluster", &source, self.no_cluster.then_some(&ClusterSource::None));
        collector.add("kubeconfig", &source, self.kubeconfig.as_ref().map(|_| &ClusterSource::Kubeconfig));
        collector.add("kubeconfig", &["cluster", "kubeconfig"], self.kubeconfig.as_ref());
        collector.add("context", &["cluster", "context"], self.context.as_ref());
        collector.add("events", &["events"], self.events.then_some(&true));
        collector.add("no_reservations", &["reservations"], self.no_reservations.then_some(&false));
        let interval = self.audit_interval.map(duration_text);
        collector.add("audit_interval", &["audit", "interval"], interval.as_ref());
    }
}

// === impl CertificateArgs ===

impl CertificateArgs {
    /// Returns the source that `--self-signed` or `--tls-cert` implies.
    const fn implied_source(&self) -> Option<CertificateSource> {
        match (self.self_signed, &self.tls_cert) {
            (true, _) => Some(CertificateSource::SelfSigned),
            (false, Some(_)) => Some(CertificateSource::Files),
            (false, None) => None,
        }
    }

    fn collect(&self, collector: &mut Collector<'_>) {
        let source = ["certificate", "source"];
        let id = if self.self_signed { "self_signed" } else { "tls_cert" };
        collector.add(id, &source, self.implied_source().as_ref());
        collector.add("cert", &source, self.cert.as_ref());
        collector.add("tls_cert", &["certificate", "certFile"], self.tls_cert.as_ref());
        collector.add("tls_key", &["certificate", "keyFile"], self.tls_key.as_ref());
        collector.add("tls_name", &["certificate", "names"], names(&self.tls_name).as_ref());
        collector.add("client_ca", &["certificate", "clientCa"], self.client_ca.as_ref());
        collector.add("allowed_name", &["certificate", "allowedNames"], names(&self.allowed_name).as_ref());
        let interval = self.reload_interval.map(duration_text);
        collector.add("reload_interval", &["certificate", "reloadInterval"], interval.as_ref());
    }
}

/// Refuses `-`: stdin is reserved for the reviewed objects.
fn no_stdin(path: PathBuf) -> Result<PathBuf, &'static str> {
    if path.as_os_str() == "-" { Err("settings are not read from stdin; give a file") } else { Ok(path) }
}

/// Returns a duration in the notation of the file.
fn duration_text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

fn non_empty<T>(list: &Vec<T>) -> Option<&Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Returns the names of a repeatable flag. An empty environment variable contains one empty name, which is skipped.
pub(crate) fn named(list: &[String]) -> impl Iterator<Item = &String> {
    list.iter().filter(|name| !name.is_empty())
}

fn names(list: &[String]) -> Option<Vec<&String>> {
    let names: Vec<&String> = named(list).collect();
    (!names.is_empty()).then_some(names)
}

/// Collects the given values with their sources.
struct Collector<'a> {
    matches: &'a ArgMatches,
    overrides: Vec<Override>,
}

// === impl Collector ===

impl Collector<'_> {
    fn add<T: serde::Serialize>(&mut self, id: &str, field: &[&str], value: Option<&T>) {
        let Some(Ok(value)) = value.map(serde_json::to_value) else { return };
        let words = id.replace('_', "-");
        let source = match self.matches.value_source(id) {
            Some(ValueSource::EnvVariable) => {
                ConfigSource::Environment(format!("ORDINANCE_{}", id.to_uppercase()))
            }
            _ => ConfigSource::Flag(format!("--{words}")),
        };
        let field = field.iter().map(|&word| word.to_owned()).collect();
        self.overrides.push(Override { field, value, source });
    }
}
