//! The server's certificate and its client CA: loaded at start, and reloaded from files while the server runs.

use super::issuing::Issuer;
use crate::config::{Certificate, Fault};
use crate::metrics::{Metrics, ReloadOutcome, Reloaded};
use anyhow::Result;
use ordinance_certs::{
    Authority, Bundle, CertificateResolver, ClientCa, Files, Lifetime, Reload, server_config,
};
use rustls::ServerConfig;
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// The lifetime of a self-signed certificate, which is for trying things out.
const SELF_SIGNED: Lifetime = Lifetime::days(365);

/// The TLS configuration, and what keeps its certificates current.
pub(super) struct Certificates {
    /// The TLS configuration; certificates are swapped inside it.
    pub(super) tls: Arc<ServerConfig>,
    /// The trust bundle for clients, PEM; empty with a self-managed CA.
    pub(super) ca_bundle: String,
    /// The files to reload.
    pub(super) watched: Watched,
    /// The task of a self-managed CA.
    pub(super) issuer: Option<Issuer>,
}

/// The files to reload, and the certificate in use.
pub(super) struct Watched {
    files: Option<Files>,
    clients: Option<ClientCa>,
    served: Arc<CertificateResolver>,
    is_self_signed: bool,
    metrics: Arc<Metrics>,
}

/// The thread that reloads files; stopped on drop.
pub(super) struct Reloads {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Certificates ===

impl Certificates {
    /// Uses the files that were read, or makes a certificate.
    pub(super) fn new(
        certificate: Certificate,
        clients: Option<ClientCa>,
        metrics: &Arc<Metrics>,
        now: SystemTime,
    ) -> Result<Self> {
        let is_self_signed = matches!(certificate, Certificate::SelfSigned(_));
        let (mut files, mut issuer, mut ca_bundle) = (None, None, String::new());
        let served = match certificate {
            Certificate::Files(read) => {
                ca_bundle = bundle(&read.served()).pem();
                files.insert(read).served()
            }
            Certificate::SelfSigned(names) => {
                let (served, pem) = self_signed(&names, now)?;
                ca_bundle = pem;
                served
            }
            Certificate::SelfManaged(config) => issuer.insert(Issuer::new(config, metrics)).served(),
        };
        let tls = server_config(Arc::clone(&served), clients.as_ref().map(ClientCa::clients))?;
        let watched = Watched { files, clients, served, is_self_signed, metrics: Arc::clone(metrics) };
        watched.update_metrics();
        Ok(Self { tls: Arc::new(tls), ca_bundle, watched, issuer })
    }
}

fn self_signed(names: &[String], now: SystemTime) -> Result<(Arc<CertificateResolver>, String)> {
    let authority = Authority::new(names, now, SELF_SIGNED)
        .map_err(|error| Fault::new(format_args!("certificate.names: {}", names.join(", ")), error))?;
    let served = Arc::new(CertificateResolver::new(authority.issue(now, SELF_SIGNED)?));
    Ok((served, authority.pem()))
}

/// Returns the trust bundle for a certificate from files: its issuers, or the certificate itself if the file has none.
fn bundle(served: &CertificateResolver) -> Bundle {
    let Some(certificate) = served.current() else { return Bundle::default() };
    match certificate.certificates() {
        [_, issuers @ ..] if !issuers.is_empty() => Bundle::from(issuers.to_vec()),
        alone => Bundle::from(alone.to_vec()),
    }
}

// === impl Watched ===

impl Watched {
    /// Reloads the files at this interval until the returned value is dropped. Starts no thread if there are no files.
    pub(super) fn start(mut self, interval: Duration) -> io::Result<Reloads> {
        if self.files.is_none() && self.clients.is_none() {
            return Ok(Reloads { stop: None, thread: None });
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("reload".to_owned()).spawn(move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                self.reload(SystemTime::now());
            }
        })?;
        Ok(Reloads { stop: Some(stop), thread: Some(thread) })
    }

    /// Returns whether the CA exists only in this process.
    pub(super) const fn is_self_signed(&self) -> bool {
        self.is_self_signed
    }

    fn reload(&mut self, now: SystemTime) {
        if let Some(files) = &mut self.files {
            report(&self.metrics, Reloaded::Certificate, files.poll(now));
        }
        if let Some(clients) = &mut self.clients {
            report(&self.metrics, Reloaded::ClientCa, clients.poll());
        }
        self.update_metrics();
    }

    fn update_metrics(&self) {
        if let Some(served) = self.served.current() {
            self.metrics.certificate(served.validity());
        }
    }
}

/// Counts every reload of changed files, and logs each error once.
fn report<E: Display>(metrics: &Metrics, what: Reloaded, reload: Reload<E>) {
    match reload {
        Reload::Unchanged => {}
        Reload::Replaced => {
            metrics.reloaded(what, ReloadOutcome::Taken);
            tracing::info!(?what, "reloaded; in use from now on");
        }
        Reload::Kept { error, again } => {
            metrics.reloaded(what, ReloadOutcome::Refused);
            if !again {
                tracing::error!(?what, %error, "could not reload; the old one stays in use");
            }
        }
    }
}

// === impl Reloads ===

impl Drop for Reloads {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The panic hook has reported a panic of the thread.
            let _ = thread.join();
        }
    }
}
