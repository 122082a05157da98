//! The flags of `ordinance serve`, as typed.

use super::file::{CertificateSource, ClusterSource, LogFormat, LogLevel};
use super::layers::{Given, Source};
use crate::review::OnError;
use crate::units::Span;
use clap::builder::{BoolishValueParser, PathBufValueParser, TypedValueParser as _};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Answer the API server's admission reviews over TLS.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance serve --self-signed --listen 127.0.0.1:0 --ready-file ready.json
  ordinance serve --tls-cert /tls/tls.crt --tls-key /tls/tls.key --settings settings.yaml
  ordinance serve --cert self-managed --kubeconfig ~/.kube/config --config ordinance.yaml
  ordinance serve --self-signed --kubeconfig ~/.kube/config --context kind-test
  ordinance serve --config ordinance.yaml --print-config

A flag counts before its variable, that before the file, that before the default.
On SIGTERM or SIGINT it stops in order, on a second one at once.")]
pub struct ServeArgs {
    /// Configuration in YAML or JSON; `ordinance schema config` prints its schema.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
    /// Print what counts and where it came from, and stop: nothing is bound.
    #[arg(long, env = "ORDINANCE_PRINT_CONFIG", hide_env = true, value_parser = BoolishValueParser::new())]
    pub print_config: bool,
    /// Where reviews are answered; port 0 picks a free one [default: 0.0.0.0:8443].
    #[arg(long, value_name = "ADDR", env = "ORDINANCE_LISTEN", hide_env = true)]
    pub listen: Option<SocketAddr>,
    /// Where /livez, /readyz and /metrics are [default: 0.0.0.0:8080].
    #[arg(long, value_name = "ADDR", env = "ORDINANCE_ADMIN_LISTEN", hide_env = true)]
    pub admin_listen: Option<SocketAddr>,
    /// Written once ready, whole: addresses, CA and process id as JSON.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_READY_FILE", hide_env = true)]
    pub ready_file: Option<PathBuf>,
    /// How long to go on accepting after SIGTERM [default: 15s].
    #[arg(long, value_name = "TIME", value_parser = Span::parse, env = "ORDINANCE_DRAIN_DELAY", hide_env = true)]
    pub drain_delay: Option<Duration>,
    /// Which policy runs.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Where a policy gives no verdict: deny, or defer to the webhook's failurePolicy [default: deny].
    #[arg(long, value_enum, value_name = "WAY", env = "ORDINANCE_ON_ERROR", hide_env = true)]
    #[arg(help_heading = "Policy", hide_possible_values = true)]
    pub on_error: Option<OnError>,
    /// Which cluster is watched.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Which certificate is served.
    #[command(flatten)]
    pub certificate: CertificateArgs,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The policy of the flags, its settings, and the objects that exist already.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Policy")]
pub struct PolicyArgs {
    /// A policy as a Wasm component; without it the built-in `storage`
    #[arg(long, value_name = "FILE", env = "ORDINANCE_POLICY", hide_env = true)]
    pub policy: Option<PathBuf>,
    /// The policy's settings, YAML or JSON
    #[arg(long, value_name = "FILE", env = "ORDINANCE_SETTINGS", hide_env = true)]
    #[arg(value_parser = PathBufValueParser::new().try_map(no_stdin))]
    pub settings: Option<PathBuf>,
    /// Manifests of what exists already: YAML, JSON, Lists; may be repeated
    #[arg(long, value_name = "FILE|DIR", env = "ORDINANCE_STATE", hide_env = true)]
    pub state: Vec<PathBuf>,
}

/// Which cluster to watch. In a pod with a service account it is the pod's own.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Watch the cluster of a kubeconfig; without it, in a pod, the pod's own.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_KUBECONFIG", hide_env = true)]
    pub kubeconfig: Option<PathBuf>,
    /// One of its contexts, in place of its current one.
    #[arg(long, value_name = "NAME", env = "ORDINANCE_CONTEXT", hide_env = true)]
    pub context: Option<String>,
    /// Watch none, in a pod either: remember what was admitted, and what --state names.
    #[arg(long, env = "ORDINANCE_NO_CLUSTER", hide_env = true, value_parser = BoolishValueParser::new())]
    pub no_cluster: bool,
}

/// Which certificate to serve, and whom.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Certificate")]
pub struct CertificateArgs {
    /// Where it comes from: self-managed, files or self-signed [default in a pod: self-managed].
    #[arg(long, value_enum, value_name = "SOURCE", env = "ORDINANCE_CERT", hide_env = true)]
    #[arg(hide_possible_values = true)]
    pub cert: Option<CertificateSource>,
    /// Make one in memory, for trying things out; short for --cert self-signed.
    #[arg(long, env = "ORDINANCE_SELF_SIGNED", hide_env = true, value_parser = BoolishValueParser::new())]
    pub self_signed: bool,
    /// A name or address of a self-signed one, beside localhost; may be repeated.
    #[arg(long, value_name = "NAME", env = "ORDINANCE_TLS_NAME", hide_env = true, value_delimiter = ',')]
    pub tls_name: Vec<String>,
    /// A certificate with those that signed it, PEM; read again when it changes.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_TLS_CERT", hide_env = true)]
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_TLS_KEY", hide_env = true)]
    pub tls_key: Option<PathBuf>,
    /// Serve only clients with a certificate of this CA, PEM.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_CLIENT_CA", hide_env = true)]
    pub client_ca: Option<PathBuf>,
    /// Of those, serve only this DNS or common name; may be repeated.
    #[arg(long, value_name = "NAME", env = "ORDINANCE_ALLOWED_NAME", hide_env = true, value_delimiter = ',')]
    pub allowed_name: Vec<String>,
    /// How often to look for changed files [default: 10s].
    #[arg(long, value_name = "TIME", value_parser = Span::parse, env = "ORDINANCE_RELOAD_INTERVAL")]
    #[arg(hide_env = true)]
    pub reload_interval: Option<Duration>,
}

/// What to log.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// How a line looks: text or json [default: text].
    #[arg(long, value_enum, value_name = "FORMAT", env = "ORDINANCE_LOG_FORMAT", hide_env = true)]
    #[arg(hide_possible_values = true)]
    pub log_format: Option<LogFormat>,
    /// The least important lines: error, warn, info, debug or trace [default: info].
    #[arg(long, value_enum, value_name = "LEVEL", env = "ORDINANCE_LOG_LEVEL", hide_env = true)]
    #[arg(hide_possible_values = true)]
    pub log_level: Option<LogLevel>,
}

// === impl ServeArgs ===

impl ServeArgs {
    /// What speaks against these flags together, whatever the file says.
    pub fn conflict(&self) -> Option<&'static str> {
        let certificate = &self.certificate;
        let files = certificate.tls_cert.is_some() || certificate.tls_key.is_some();
        if certificate.tls_cert.is_some() != certificate.tls_key.is_some() {
            return Some("--tls-cert and --tls-key belong together: give both");
        }
        if certificate.self_signed && files {
            return Some("--self-signed and --tls-cert are two ways to get a certificate: give one");
        }
        let asked = certificate.short_form();
        if asked.is_some() && certificate.cert.is_some() && asked != certificate.cert {
            return Some("--cert names another way than --self-signed or --tls-cert: give one");
        }
        self.cluster.conflict(&self.policy)
    }

    /// Everything that was given, as fields of the file, with the flag or variable that gave it.
    pub(super) fn given(&self, matches: &ArgMatches) -> Vec<Given> {
        let mut given = Collector { matches, given: Vec::new() };
        given.add("listen", &["listen"], self.listen.as_ref());
        given.add("admin_listen", &["adminListen"], self.admin_listen.as_ref());
        given.add("ready_file", &["readyFile"], self.ready_file.as_ref());
        given.add("drain_delay", &["limits", "drainDelay"], self.drain_delay.map(span).as_ref());
        given.add("on_error", &["onError"], self.on_error.as_ref());
        self.certificate.collect(&mut given);
        self.cluster.collect(&mut given);
        given.add("state", &["state"], some(&self.policy.state));
        given.add("policy", &["policies", super::policy::UNNAMED, "component"], self.policy.policy.as_ref());
        given.add(
            "settings",
            &["policies", super::policy::UNNAMED, "settingsFile"],
            self.policy.settings.as_ref(),
        );
        given.add("log_format", &["log", "format"], self.log.log_format.as_ref());
        given.add("log_level", &["log", "level"], self.log.log_level.as_ref());
        given.given
    }
}

// === impl ClusterArgs ===

impl ClusterArgs {
    fn conflict(&self, policy: &PolicyArgs) -> Option<&'static str> {
        if self.no_cluster && self.kubeconfig.is_some() {
            return Some("--kubeconfig names a cluster, and --no-cluster says that there is none: give one");
        }
        if self.kubeconfig.is_some() && !policy.state.is_empty() {
            return Some("--kubeconfig and --state both say what exists: give one");
        }
        None
    }

    fn collect(&self, given: &mut Collector<'_>) {
        let source = ["cluster", "source"];
        given.add("no_cluster", &source, self.no_cluster.then_some(&ClusterSource::None));
        given.add("kubeconfig", &source, self.kubeconfig.as_ref().map(|_| &ClusterSource::Kubeconfig));
        given.add("kubeconfig", &["cluster", "kubeconfig"], self.kubeconfig.as_ref());
        given.add("context", &["cluster", "context"], self.context.as_ref());
    }
}

// === impl CertificateArgs ===

impl CertificateArgs {
    /// The source that a short form stands for.
    const fn short_form(&self) -> Option<CertificateSource> {
        match (self.self_signed, &self.tls_cert) {
            (true, _) => Some(CertificateSource::SelfSigned),
            (false, Some(_)) => Some(CertificateSource::Files),
            (false, None) => None,
        }
    }

    fn collect(&self, given: &mut Collector<'_>) {
        let source = ["certificate", "source"];
        let id = if self.self_signed { "self_signed" } else { "tls_cert" };
        given.add(id, &source, self.short_form().as_ref());
        given.add("cert", &source, self.cert.as_ref());
        given.add("tls_cert", &["certificate", "certFile"], self.tls_cert.as_ref());
        given.add("tls_key", &["certificate", "keyFile"], self.tls_key.as_ref());
        given.add("tls_name", &["certificate", "names"], names(&self.tls_name).as_ref());
        given.add("client_ca", &["certificate", "clientCa"], self.client_ca.as_ref());
        given.add("allowed_name", &["certificate", "allowedNames"], names(&self.allowed_name).as_ref());
        let interval = self.reload_interval.map(span);
        given.add("reload_interval", &["certificate", "reloadInterval"], interval.as_ref());
    }
}

/// Stdin is for what is judged.
fn no_stdin(path: PathBuf) -> Result<PathBuf, &'static str> {
    if path.as_os_str() == "-" { Err("settings are not read from stdin; give a file") } else { Ok(path) }
}

/// A duration as it stands in the file.
fn span(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

fn some<T>(list: &Vec<T>) -> Option<&Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Names that were given; an empty variable gives none.
pub(crate) fn named(list: &[String]) -> impl Iterator<Item = &String> {
    list.iter().filter(|name| !name.is_empty())
}

fn names(list: &[String]) -> Option<Vec<&String>> {
    let names: Vec<&String> = named(list).collect();
    (!names.is_empty()).then_some(names)
}

/// Gathers what was given.
struct Collector<'a> {
    matches: &'a ArgMatches,
    given: Vec<Given>,
}

// === impl Collector ===

impl Collector<'_> {
    fn add<T: serde::Serialize>(&mut self, id: &str, field: &[&str], value: Option<&T>) {
        let Some(Ok(value)) = value.map(serde_json::to_value) else { return };
        let words = id.replace('_', "-");
        let source = match self.matches.value_source(id) {
            Some(ValueSource::EnvVariable) => Source::Environment(format!("ORDINANCE_{}", id.to_uppercase())),
            _ => Source::Flag(format!("--{words}")),
        };
        let field = field.iter().map(|&word| word.to_owned()).collect();
        self.given.push(Given { field, value, source });
    }
}
