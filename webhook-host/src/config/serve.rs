//! The checked configuration: every file is read and every limit is valid, but no socket is bound.

use super::audit::AuditFile;
use super::cluster;
use super::file::{CertificateFile, CertificateSource, ConfigFile};
use super::input_error::InputError;
use super::layers::Layers;
use super::policy::PolicyConfig;
use super::recording::RecordingConfig;
use super::selfmanaged::SelfManaged;
use super::source::ConfigSource;
use super::state::{NAMESPACE, State};
use crate::cluster::ApiServerAccess;
use crate::limits::Limits;
use crate::memory::{AUDIT_EVALUATIONS, ExplicitLimits, MemoryPlan, WATCH_EVALUATIONS};
use ordinance_certs::{ClientCa, Files};
use ordinance_files::is_other_than_file;
use ordinance_manifests::Manifest;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The names that every self-signed certificate has.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The way out if there is no certificate to serve.
const CERTIFICATE_FLAGS: &str = "give --tls-cert FILE --tls-key FILE, or --self-signed to try things out";

/// The shortest reload interval. Reading two files takes less time.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// The checked configuration of a server.
#[derive(Debug)]
pub struct ServeConfig {
    /// The server's certificate.
    pub certificate: Certificate,
    /// The CA of the clients that may connect; `None` if every client may.
    pub clients: Option<ClientCa>,
    /// At least one policy.
    pub policies: Vec<PolicyConfig>,
    /// How to reach the API server; `None` without a cluster.
    pub cluster: Option<ApiServerAccess>,
    /// Whether to write Events; never without a cluster.
    pub events: bool,
    /// Whether to reserve keys through the API server; never without a cluster.
    pub reservations: bool,
    /// The audit in the background; never without a cluster.
    pub audit: Option<AuditFile>,
    /// The reviews that are kept, if any.
    pub recording: Option<RecordingConfig>,
    /// The existing objects of a server without a cluster.
    pub state: Vec<Manifest>,
    /// Where compiled components are kept, if anywhere.
    pub cache_dir: Option<PathBuf>,
    /// How the memory is divided.
    pub memory: MemoryPlan,
    /// Addresses, intervals and limits.
    pub sockets: Sockets,
}

/// The addresses of a server, and its limits.
#[derive(Clone, Debug)]
pub struct Sockets {
    /// Address of the TLS listener.
    pub listen: SocketAddr,
    /// Address of health checks.
    pub admin_listen: SocketAddr,
    /// Address of metrics.
    pub metrics_listen: SocketAddr,
    /// File that is written once the server is ready.
    pub ready_file: Option<PathBuf>,
    /// How often the certificate's files are checked for changes.
    pub reload_interval: Duration,
    /// The limits of the process.
    pub limits: Limits,
}

/// The server's certificate, or how to get it.
#[derive(Debug)]
pub enum Certificate {
    /// Generate a certificate for these names.
    SelfSigned(Vec<String>),
    /// Serve a pair of files, and reload it when they change.
    Files(Files),
    /// Issue a certificate with the CA in the cluster.
    SelfManaged(SelfManaged),
}

// === impl ServeConfig ===

impl ServeConfig {
    /// Checks the effective configuration and reads its files. Certificates must be valid at `now`.
    ///
    /// # Errors
    ///
    /// The first error, with the flag, variable or field to change.
    pub fn check(config: &ConfigFile, layers: &Layers, now: SystemTime) -> Result<Self, InputError> {
        let limit = |(field, message)| InputError::new(layers.place(&["limits", field]), message);
        config.limits.check().map_err(limit)?;
        let policies = PolicyConfig::all(config, layers)?;
        let cluster = cluster::access(config, layers)?;
        if config.events && cluster.is_none() {
            let message = "Events are written to a cluster, and none is configured; remove this, or give --kubeconfig FILE";
            return Err(InputError::new(layers.place(&["events"]), message));
        }
        let audit = config.audit.check(|field| layers.place(&["audit", field]))?;
        let audit = audit.filter(|_| cluster.is_some());
        let recording = config.recording.check(|field| layers.place(&["recording", field]))?;
        let watches = cluster.as_ref().map_or(0, |_| WATCH_EVALUATIONS);
        let audits = audit.as_ref().map_or(0, |_| AUDIT_EVALUATIONS);
        let memory = memory(config, layers, policies.len(), watches + audits)?;
        Ok(Self {
            events: config.events,
            reservations: config.reservations && cluster.is_some(),
            audit,
            recording,
            certificate: certificate(&config.certificate, cluster.as_ref(), layers, now)?,
            clients: clients(&config.certificate, layers)?,
            sockets: sockets(config, layers, memory.limits(&config.limits))?,
            cache_dir: config.cache_dir.clone(),
            memory,
            policies,
            cluster,
            state: State::read(&config.state, NAMESPACE)
                .into_objects()
                .map_err(|error| error.within(layers.place(&["state"])))?,
        })
    }
}

/// Divides the memory. Limits that are set keep their values. The audit takes as much as a watch.
fn memory(
    config: &ConfigFile,
    layers: &Layers,
    policies: usize,
    watches: usize,
) -> Result<MemoryPlan, InputError> {
    let is_set = |field| layers.source(&["limits", field]) != ConfigSource::Default;
    let explicit = ExplicitLimits {
        evaluations: is_set("evaluations"),
        bodies_bytes: is_set("bodiesBytes"),
        index_bytes: is_set("indexBytes"),
    };
    MemoryPlan::new(&config.limits, explicit, policies, watches)
        .map_err(|error| InputError::new(layers.place(&["limits", "memory"]), error))
}

fn sockets(config: &ConfigFile, layers: &Layers, limits: Limits) -> Result<Sockets, InputError> {
    Ok(Sockets {
        listen: config.listen,
        admin_listen: config.admin_listen,
        metrics_listen: config.effective_metrics_listen(),
        ready_file: ready_file(config.ready_file.clone(), layers)?,
        reload_interval: reload_interval(config.certificate.reload_interval, layers)?,
        limits,
    })
}

fn reload_interval(interval: Duration, layers: &Layers) -> Result<Duration, InputError> {
    if interval < SHORTEST_INTERVAL {
        let place = layers.place(&["certificate", "reloadInterval"]);
        return Err(InputError::new(place, "is too short to read the files; give at least 10ms"));
    }
    Ok(interval)
}

fn certificate(
    file: &CertificateFile,
    cluster: Option<&ApiServerAccess>,
    layers: &Layers,
    now: SystemTime,
) -> Result<Certificate, InputError> {
    match file.source.or_else(|| implied(file, cluster)) {
        Some(CertificateSource::SelfSigned) => names(file, layers).map(Certificate::SelfSigned),
        Some(CertificateSource::Files) => files(file, layers, now).map(Certificate::Files),
        Some(CertificateSource::SelfManaged) if cluster.is_some() => file
            .self_managed
            .check(|field| layers.place(&["certificate", "selfManaged", field]))
            .map(Certificate::SelfManaged),
        Some(CertificateSource::SelfManaged) => Err(InputError::new(
            layers.place(&["certificate", "source"]),
            format_args!("self-managed needs a cluster, and none is configured; {CERTIFICATE_FLAGS}"),
        )),
        None => Err(InputError::new("certificate", format_args!("is not configured; {CERTIFICATE_FLAGS}"))),
    }
}

/// Returns the default source of the certificate. There is none with a kubeconfig, because self-managed certificates write
/// to the cluster.
fn implied(file: &CertificateFile, cluster: Option<&ApiServerAccess>) -> Option<CertificateSource> {
    match (&file.cert_file, cluster) {
        (Some(_), _) => Some(CertificateSource::Files),
        (None, Some(ApiServerAccess::Pod)) => Some(CertificateSource::SelfManaged),
        (None, _) => None,
    }
}

fn names(file: &CertificateFile, layers: &Layers) -> Result<Vec<String>, InputError> {
    let is_name = |name: &&String| ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok();
    if let Some(name) = file.names.iter().find(|name| !is_name(name)) {
        return Err(InputError::new(
            layers.place(&["certificate", "names"]),
            format_args!("{name:?} is neither a DNS name nor an IP address; give e.g. ordinance.example.com"),
        ));
    }
    Ok(LOOPBACK.map(str::to_owned).into_iter().chain(file.names.iter().cloned()).collect())
}

fn files(file: &CertificateFile, layers: &Layers, now: SystemTime) -> Result<Files, InputError> {
    let path = |path: &Option<PathBuf>, field, flag| {
        path.clone().ok_or_else(|| {
            InputError::new(
                layers.place(&["certificate", field]),
                format_args!("is not set; give it, or {flag} FILE"),
            )
        })
    };
    let certificate = path(&file.cert_file, "certFile", "--tls-cert")?;
    let key = path(&file.key_file, "keyFile", "--tls-key")?;
    Files::open(&certificate, &key, now).map_err(|error| {
        let field = if error.blames(&certificate) { "certFile" } else { "keyFile" };
        InputError::new(layers.place(&["certificate", field]), error)
    })
}

fn clients(file: &CertificateFile, layers: &Layers) -> Result<Option<ClientCa>, InputError> {
    let place = |field| layers.place(&["certificate", field]);
    match &file.client_ca {
        Some(path) => ClientCa::open(path, file.allowed_names.clone())
            .map(Some)
            .map_err(|error| InputError::new(place("clientCa"), error)),
        None if file.allowed_names.is_empty() => Ok(None),
        None => Err(InputError::new(
            place("allowedNames"),
            "names are checked only against a CA; give --client-ca FILE too",
        )),
    }
}

/// Checks that the ready file's directory exists: the file is written by a rename.
fn ready_file(path: Option<PathBuf>, layers: &Layers) -> Result<Option<PathBuf>, InputError> {
    let Some(path) = path else { return Ok(None) };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if directory.is_dir() && !is_other_than_file(&path) {
        return Ok(Some(path));
    }
    let place = layers.place(&["readyFile"]);
    Err(InputError::new(
        place,
        format_args!("{}: can't be written; give a file path in an existing directory", path.display()),
    ))
}
