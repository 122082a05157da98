//! The configuration file with the default of every field. `ordinance schema config` prints its JSON Schema.

use super::audit::AuditFile;
use super::recording::RecordingFile;
use super::selfmanaged::SelfManagedFile;
use crate::cluster::ApiServerAccess;
use crate::limits::Limits;
use crate::review::OnError;
use crate::units::DurationText;
use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The name of the policy that flags configure, until the component is loaded and its own name is known.
pub(super) const UNNAMED: &str = "";

/// The configuration of `ordinance serve`. Relative paths start at the file's directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfigFile {
    /// Address of the TLS listener, which answers admission reviews. Port 0 picks a free port.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Address of `/livez` and `/readyz`, in plain HTTP. Port 0 picks a free port.
    #[schemars(with = "String")]
    pub admin_listen: SocketAddr,
    /// Address of `/metrics`, in plain HTTP. Port 0 picks a free port. The default is the IP address of `adminListen` with the
    /// port after it, or a free port if that is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub metrics_listen: Option<SocketAddr>,
    /// The server's certificate and the accepted clients.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<CertificateFile>")]
    pub certificate: CertificateFile,
    /// The policies by name. Each answers at `/mutate/<name>` and `/validate/<name>`. The default is the built-in policy
    /// as `storage`.
    #[serde(deserialize_with = "policies")]
    #[schemars(with = "Option<BTreeMap<String, Option<PolicyFile>>>")]
    pub policies: BTreeMap<String, PolicyFile>,
    /// The answer to a request on which a policy gives no verdict. A policy's own `onError` overrides it.
    pub on_error: OnError,
    /// The watched cluster.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<ClusterFile>")]
    pub cluster: ClusterFile,
    /// Whether an Event is written about each object that a policy would deny if its settings did not put that off.
    pub events: bool,
    /// Whether the replicas of a cluster reserve what they admit through the API server, so that two of them never admit two
    /// objects that exclude each other. Needs the CustomResourceDefinition `reservations.ordinance.dev`.
    pub reservations: bool,
    /// The audit of the cluster in the background.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<AuditFile>")]
    pub audit: AuditFile,
    /// The reviews that are kept, so that another policy can be tried on them.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<RecordingFile>")]
    pub recording: RecordingFile,
    /// Manifests of existing objects, as files or directories, for a server without a cluster.
    pub state: Vec<PathBuf>,
    /// File that is written once the server is ready: addresses, CA and process id as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_file: Option<PathBuf>,
    /// Directory in which compiled components are kept, so that a large one is not compiled at each start. Only the server's own user
    /// may be able to write to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_dir: Option<PathBuf>,
    /// The log, which goes to stderr.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<LogFile>")]
    pub log: LogFile,
    /// The limits of the process.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<Limits>")]
    pub limits: Limits,
}

/// The server's certificate and the accepted clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CertificateFile {
    /// Source of the certificate. The default is `files` if `certFile` is set, else `self-managed` in a pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<CertificateSource>,
    /// Certificate with its chain, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// Private key of the certificate, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// DNS names and IP addresses of a self-signed certificate, besides `localhost`, `127.0.0.1` and `::1`.
    pub names: Vec<String>,
    /// The CA of the source `self-managed`.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<SelfManagedFile>")]
    pub self_managed: SelfManagedFile,
    /// CA certificates, PEM. Only clients with a certificate of one of them may connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
    /// DNS names or common names of the clients that may connect. If empty, every client of the CA may.
    pub allowed_names: Vec<String>,
    /// How often the files are checked for changes.
    #[serde(with = "DurationText")]
    #[schemars(with = "DurationText")]
    pub reload_interval: Duration,
}

/// The source of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateSource {
    /// Ordinance issues and rotates the certificate, in a cluster.
    SelfManaged,
    /// Two files, reloaded when they change.
    Files,
    /// Generated at start and kept in memory, for trying things out.
    SelfSigned,
}

/// The watched cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterFile {
    /// How to reach the API server. The default is `kubeconfig` if one is set, else `pod` in a pod with a service account,
    /// else `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ClusterSource>,
    /// Path of a kubeconfig.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig, instead of its current one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// How to reach an API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterSource {
    /// Watch no cluster: index only admitted objects and those of `state`.
    None,
    /// Use the service account of the pod that this process runs in.
    Pod,
    /// Use a kubeconfig.
    Kubeconfig,
}

/// One policy with its settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicyFile {
    /// Path of a Wasm component. The default is the built-in policy `storage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<PathBuf>,
    /// Whether the component may import WASI. It gets stand-ins without a clock, files or a network, and with fixed randomness.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_wasi_stubs: bool,
    /// Settings of the policy; `ordinance schema settings` prints their schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// Path of a file with the settings, in YAML or JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings_file: Option<PathBuf>,
    /// The answer to a request on which this policy gives no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnError>,
}

/// The format and level of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LogFile {
    /// Format of log lines.
    pub format: LogFormat,
    /// Lowest level that is logged.
    pub level: LogLevel,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line, for programs.
    Json,
}

/// The level of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Errors that need attention.
    Error,
    /// Problems that may need attention soon.
    Warn,
    /// Denials, reloads, start and stop.
    #[default]
    Info,
    /// Also one line per request.
    Debug,
    /// Also the lines of libraries.
    Trace,
}

/// Returns the JSON Schema of [`ConfigFile`].
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(ConfigFile);
    schema.insert("title".to_owned(), "Configuration of ordinance serve".into());
    let mut schema = schema.into();
    for limit in LIMITS_OF_MACHINE {
        remove(&mut schema, &format!("/$defs/Limits/properties/{limit}"), "default");
        remove(&mut schema, "/properties/limits/default", limit);
    }
    schema
}

/// Removes a member of the object at a JSON Pointer.
fn remove(schema: &mut Value, pointer: &str, member: &str) {
    if let Some(object) = schema.pointer_mut(pointer).and_then(Value::as_object_mut) {
        object.remove(member);
    }
}

/// The limits whose defaults depend on the machine: a schema is the same everywhere, so it has none for them.
const LIMITS_OF_MACHINE: [&str; 3] = ["evaluations", "handshakes", "memory"];

/// Deserialises an empty value, such as `limits:`, as the default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Deserialises empty policies, and an empty map of policies, as the default.
fn policies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, PolicyFile>, D::Error> {
    let policies: BTreeMap<String, Option<PolicyFile>> = or_default(deserializer)?;
    Ok(policies.into_iter().map(|(name, policy)| (name, policy.unwrap_or_default())).collect())
}

// === impl ConfigFile ===

impl Default for ConfigFile {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 8443)),
            admin_listen: SocketAddr::from(([0, 0, 0, 0], 8080)),
            metrics_listen: None,
            certificate: CertificateFile::default(),
            policies: BTreeMap::new(),
            on_error: OnError::default(),
            cluster: ClusterFile::default(),
            events: false,
            reservations: true,
            audit: AuditFile::default(),
            recording: RecordingFile::default(),
            state: Vec::new(),
            ready_file: None,
            cache_dir: None,
            log: LogFile::default(),
            limits: Limits::default(),
        }
    }
}

impl ConfigFile {
    /// Returns the address of `/metrics`.
    pub(super) fn effective_metrics_listen(&self) -> SocketAddr {
        self.metrics_listen.unwrap_or_else(|| {
            let (ip, port) = (self.admin_listen.ip(), self.admin_listen.port());
            let next = if port == 0 { None } else { port.checked_add(1) };
            SocketAddr::new(ip, next.unwrap_or(0))
        })
    }

    /// Sets the address of `/metrics` to its effective value.
    pub fn name_metrics_listen(&mut self) {
        self.metrics_listen = Some(self.effective_metrics_listen());
    }

    /// Sets the source of the cluster to its effective value.
    pub fn name_cluster(&mut self) {
        self.cluster.source = Some(self.cluster.effective_source());
    }

    /// Names the policy of the flags. Without any policy, adds the built-in one under this name.
    pub fn name_policy(&mut self, name: &str) {
        if self.policies.is_empty() {
            self.policies.insert(UNNAMED.to_owned(), PolicyFile::default());
        }
        if let Some(policy) = self.policies.remove(UNNAMED) {
            self.policies.insert(name.to_owned(), policy);
        }
    }
}

// === impl ClusterFile ===

impl ClusterFile {
    /// Returns the configured source, or the default of this environment.
    pub(super) fn effective_source(&self) -> ClusterSource {
        match (self.source, &self.kubeconfig) {
            (Some(source), _) => source,
            (None, Some(_)) => ClusterSource::Kubeconfig,
            (None, None) if ApiServerAccess::is_pod() => ClusterSource::Pod,
            (None, None) => ClusterSource::None,
        }
    }
}

// === impl CertificateFile ===

impl Default for CertificateFile {
    fn default() -> Self {
        Self {
            source: None,
            cert_file: None,
            key_file: None,
            names: Vec::new(),
            self_managed: SelfManagedFile::default(),
            client_ca: None,
            allowed_names: Vec::new(),
            // The kubelet updates a Secret volume only about once a minute.
            reload_interval: Duration::from_secs(10),
        }
    }
}
