//! The configuration file: every field, with its default. `ordinance schema config` prints its JSON Schema.

use super::policy::UNNAMED;
use super::selfmanaged::SelfManagedFile;
use crate::limits::Limits;
use crate::review::OnError;
use crate::units::Span;
use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The configuration of `ordinance serve`. Paths are relative to the file's directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfigFile {
    /// Where admission reviews are answered, over TLS; port 0 picks a free one.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are, in plain HTTP; port 0 picks a free one.
    #[schemars(with = "String")]
    pub admin_listen: SocketAddr,
    /// The server's certificate, and which clients may connect.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<CertificateFile>")]
    pub certificate: CertificateFile,
    /// The policies by name: each answers under `/mutate/<name>` and `/validate/<name>`. Without any, the built-in one
    /// is `storage`.
    #[serde(deserialize_with = "policies")]
    #[schemars(with = "Option<BTreeMap<String, Option<PolicyFile>>>")]
    pub policies: BTreeMap<String, PolicyFile>,
    /// What becomes of a request on which a policy gives no verdict, unless the policy says otherwise.
    pub on_error: OnError,
    /// The cluster whose objects are watched.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<ClusterFile>")]
    pub cluster: ClusterFile,
    /// Manifests of what exists already, where there is no cluster to ask: files or directories.
    pub state: Vec<PathBuf>,
    /// Written once the server is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_file: Option<PathBuf>,
    /// What is logged, to stderr.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<LogFile>")]
    pub log: LogFile,
    /// Every cap of the process.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<Limits>")]
    pub limits: Limits,
}

/// The server's certificate, and which clients may connect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CertificateFile {
    /// Where the certificate comes from; `files` where they are given, else `self-managed` in a pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<CertificateSource>,
    /// The certificate and those that signed it, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The DNS names and addresses of a self-signed certificate, beside `localhost`, `127.0.0.1` and `::1`.
    pub names: Vec<String>,
    /// The CA of `self-managed`.
    #[serde(deserialize_with = "or_default")]
    #[schemars(with = "Option<SelfManagedFile>")]
    pub self_managed: SelfManagedFile,
    /// CA certificates, PEM: only clients with a certificate of one of them may connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
    /// Of those clients, only these may: DNS names or common names. Without any, all.
    pub allowed_names: Vec<String>,
    /// How often the files are looked at for a change.
    #[serde(with = "Span")]
    #[schemars(with = "Span")]
    pub reload_interval: Duration,
}

/// Where a certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateSource {
    /// Issued and rotated by Ordinance itself, in a cluster.
    SelfManaged,
    /// Read from two files, and again when they change.
    Files,
    /// Made at start and never written, for trying things out.
    SelfSigned,
}

/// The cluster whose objects are watched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterFile {
    /// How to get to its API server: `kubeconfig` where one is given, else `pod` in a pod with a service account, else
    /// `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ClusterSource>,
    /// A kubeconfig.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// One of its contexts, in place of its current one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// How to get to an API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterSource {
    /// There is none: what was admitted is remembered, and what `state` names.
    None,
    /// By the service account of the pod that this process runs in.
    Pod,
    /// By a kubeconfig.
    Kubeconfig,
}

/// One policy with its settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicyFile {
    /// A Wasm component; without it the built-in policy `storage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<PathBuf>,
    /// Its settings; `ordinance schema settings` prints what may stand here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// The same from a file of YAML or JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings_file: Option<PathBuf>,
    /// What becomes of a request on which it gives no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnError>,
}

/// What is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LogFile {
    /// How a line looks.
    pub format: LogFormat,
    /// The least important lines that are written.
    pub level: LogLevel,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one object a line.
    Json,
}

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What needs somebody.
    Error,
    /// What may need somebody soon.
    Warn,
    /// Denials, reloads, start and stop.
    #[default]
    Info,
    /// One line a request.
    Debug,
    /// Everything, also of the libraries.
    Trace,
}

/// The JSON Schema of [`ConfigFile`].
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(ConfigFile);
    schema.insert("title".to_owned(), "Configuration of ordinance serve".into());
    schema.into()
}

/// Nothing after the colon is the default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The same, and for each policy too.
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
            certificate: CertificateFile::default(),
            policies: BTreeMap::new(),
            on_error: OnError::default(),
            cluster: ClusterFile::default(),
            state: Vec::new(),
            ready_file: None,
            log: LogFile::default(),
            limits: Limits::default(),
        }
    }
}

impl ConfigFile {
    /// Names the source of the cluster that was found.
    pub fn name_cluster(&mut self) {
        self.cluster.source = Some(super::cluster::source(&self.cluster));
    }

    /// Gives the policy of the flags, or the built-in one where none is named, its name.
    pub fn name_policy(&mut self, name: &str) {
        if self.policies.is_empty() {
            self.policies.insert(UNNAMED.to_owned(), PolicyFile::default());
        }
        if let Some(policy) = self.policies.remove(UNNAMED) {
            self.policies.insert(name.to_owned(), policy);
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
            // A Secret volume takes a minute or so to change anyway.
            reload_interval: Duration::from_secs(10),
        }
    }
}
