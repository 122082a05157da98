//! The checked configuration: every file read, every limit plausible, nothing bound.

use super::file::{CertificateFile, CertificateSource, ConfigFile};
use super::layers::Layers;
use super::policy::PolicyConfig;
use super::selfmanaged::SelfManaged;
use super::state::{NAMESPACE, existing};
use super::{Fault, cluster};
use crate::cluster::Access;
use crate::limits::Limits;
use ordinance_certs::{ClientCa, Files};
use ordinance_manifests::Manifest;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The names by which a self-signed certificate can always be asked for.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Reading two files takes less, so there is a pause.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// What is served, and how.
#[derive(Debug)]
pub struct ServeConfig {
    /// The server's certificate.
    pub certificate: Certificate,
    /// Who may connect; none if everybody may.
    pub clients: Option<ClientCa>,
    /// The policies; at least one.
    pub policies: Vec<PolicyConfig>,
    /// The way to the API server; none without a cluster.
    pub cluster: Option<Access>,
    /// What exists already, without a cluster.
    pub state: Vec<Manifest>,
    /// Where, and within which limits.
    pub sockets: Sockets,
}

/// Where is served, and within which limits.
#[derive(Clone, Debug)]
pub struct Sockets {
    /// Where reviews are answered.
    pub listen: SocketAddr,
    /// Where health and metrics are.
    pub admin_listen: SocketAddr,
    /// Written once ready.
    pub ready_file: Option<PathBuf>,
    /// How often the certificate's files are looked at.
    pub reload_interval: Duration,
    /// Every cap.
    pub limits: Limits,
}

/// Where the server's certificate comes from.
#[derive(Debug)]
pub enum Certificate {
    /// It is made at start, for these names.
    SelfSigned(Vec<String>),
    /// It was read from files, which are looked at again.
    Files(Files),
    /// It is signed by a CA that is kept in the cluster.
    SelfManaged(SelfManaged),
}

// === impl ServeConfig ===

impl ServeConfig {
    /// Checks what counts; files are read, certificates must be in date at `now`.
    ///
    /// # Errors
    ///
    /// The first fault, at the flag, variable or field that has to change.
    pub fn check(config: &ConfigFile, layers: &Layers, now: SystemTime) -> Result<Self, Fault> {
        let limit = |(field, message)| Fault::new(layers.place(&["limits", field]), message);
        config.limits.check().map_err(limit)?;
        let cluster = cluster::access(config, layers)?;
        Ok(Self {
            certificate: certificate(&config.certificate, cluster.as_ref(), layers, now)?,
            clients: clients(&config.certificate, layers)?,
            policies: PolicyConfig::all(config, layers)?,
            cluster,
            state: existing(&config.state, NAMESPACE)
                .map_err(|fault| fault.within(layers.place(&["state"])))?,
            sockets: sockets(config, layers)?,
        })
    }
}

fn sockets(config: &ConfigFile, layers: &Layers) -> Result<Sockets, Fault> {
    Ok(Sockets {
        listen: config.listen,
        admin_listen: config.admin_listen,
        ready_file: ready_file(config.ready_file.clone(), layers)?,
        reload_interval: reload_interval(config.certificate.reload_interval, layers)?,
        limits: config.limits.clone(),
    })
}

fn reload_interval(interval: Duration, layers: &Layers) -> Result<Duration, Fault> {
    if interval < SHORTEST_INTERVAL {
        let place = layers.place(&["certificate", "reloadInterval"]);
        return Err(Fault::new(place, "is too short to read files in; give at least 10ms"));
    }
    Ok(interval)
}

fn certificate(
    file: &CertificateFile,
    cluster: Option<&Access>,
    layers: &Layers,
    now: SystemTime,
) -> Result<Certificate, Fault> {
    match file.source.or_else(|| implied(file, cluster)) {
        Some(CertificateSource::SelfSigned) => names(file, layers).map(Certificate::SelfSigned),
        Some(CertificateSource::Files) => files(file, layers, now).map(Certificate::Files),
        Some(CertificateSource::SelfManaged) if cluster.is_some() => {
            file.self_managed.check(layers).map(Certificate::SelfManaged)
        }
        Some(CertificateSource::SelfManaged) => Err(Fault::new(
            layers.place(&["certificate", "source"]),
            "self-managed needs a cluster, and this server knows of none; give --tls-cert FILE --tls-key FILE, \
             or --self-signed to try things out",
        )),
        None => Err(Fault::new(
            "certificate",
            "there is none to serve; give --tls-cert FILE --tls-key FILE, or --self-signed to try things out",
        )),
    }
}

/// Where the certificate comes from if that is not said. With a kubeconfig it must be: what it leads to is written to.
fn implied(file: &CertificateFile, cluster: Option<&Access>) -> Option<CertificateSource> {
    match (&file.cert_file, cluster) {
        (Some(_), _) => Some(CertificateSource::Files),
        (None, Some(Access::Pod)) => Some(CertificateSource::SelfManaged),
        (None, _) => None,
    }
}

fn names(file: &CertificateFile, layers: &Layers) -> Result<Vec<String>, Fault> {
    let is_name = |name: &&String| ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok();
    if let Some(name) = file.names.iter().find(|name| !is_name(name)) {
        return Err(Fault::new(
            layers.place(&["certificate", "names"]),
            format_args!("{name:?} is neither a DNS name nor an IP address; give e.g. ordinance.example.com"),
        ));
    }
    Ok(LOOPBACK.map(str::to_owned).into_iter().chain(file.names.iter().cloned()).collect())
}

fn files(file: &CertificateFile, layers: &Layers, now: SystemTime) -> Result<Files, Fault> {
    let path = |path: &Option<PathBuf>, field, flag| {
        path.clone().ok_or_else(|| {
            Fault::new(
                layers.place(&["certificate", field]),
                format_args!("is not set; give it, or {flag} FILE"),
            )
        })
    };
    let certificate = path(&file.cert_file, "certFile", "--tls-cert")?;
    let key = path(&file.key_file, "keyFile", "--tls-key")?;
    Files::open(&certificate, &key, now).map_err(|error| {
        let field = if error.blames(&certificate) { "certFile" } else { "keyFile" };
        Fault::new(layers.place(&["certificate", field]), error)
    })
}

fn clients(file: &CertificateFile, layers: &Layers) -> Result<Option<ClientCa>, Fault> {
    let place = |field| layers.place(&["certificate", field]);
    match &file.client_ca {
        Some(path) => ClientCa::open(path, file.allowed_names.clone())
            .map(Some)
            .map_err(|error| Fault::new(place("clientCa"), error)),
        None if file.allowed_names.is_empty() => Ok(None),
        None => Err(Fault::new(
            place("allowedNames"),
            "names are checked only against a CA; give --client-ca FILE too",
        )),
    }
}

/// It is written by a rename, so its directory must be there.
fn ready_file(path: Option<PathBuf>, layers: &Layers) -> Result<Option<PathBuf>, Fault> {
    let Some(path) = path else { return Ok(None) };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if directory.is_dir() && !path.is_dir() {
        return Ok(Some(path));
    }
    let place = layers.place(&["readyFile"]);
    Err(Fault::new(
        place,
        format_args!("{}: is no place for a file; give a path in a directory that exists", path.display()),
    ))
}
