//! Gets the server's certificate and the clients' CA, and reloads them while the server runs.

use super::issuer::Issuer;
use crate::config::{Certificate, InputError};
use crate::metrics::{Metrics, ReloadOutcome, Reloaded};
use crate::server::Callers;
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

/// The lifetime of a self-signed certificate, which is only for trying things out.
const SELF_SIGNED_LIFETIME: Lifetime = Lifetime::days(365);

/// The certificates of a server, and how they change.
pub(super) struct Certificates {
    /// The TLS configuration, which resolves the current certificate for each handshake.
    pub(super) tls: Arc<ServerConfig>,
    /// The CA certificates to trust the server by, PEM.
    pub(super) ca_bundle: String,
    pub(super) reloader: CertificateReloader,
    /// The issuer of a self-managed certificate.
    pub(super) issuer: Option<Issuer>,
    pub(super) callers: Callers,
}

/// The files to reload.
pub(super) struct CertificateReloader {
    files: Option<Files>,
    clients: Option<ClientCa>,
    served: Arc<CertificateResolver>,
    is_self_signed: bool,
    metrics: Arc<Metrics>,
}

/// The thread that reloads files. Dropping this ends the thread.
pub(super) struct ReloadThread {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Certificates ===

impl Certificates {
    /// Uses the files that were read, or generates a certificate.
    pub(super) fn new(
        certificate: Certificate,
        clients: Option<ClientCa>,
        metrics: &Arc<Metrics>,
        now: SystemTime,
    ) -> Result<Self> {
        let is_self_signed = matches!(certificate, Certificate::SelfSigned(_));
        let callers = Callers::new(clients.is_some(), metrics.connections.callers_unverified.clone());
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
            Certificate::SelfManaged(config) => {
                issuer.insert(Issuer::new(config, callers.clone(), metrics)).served()
            }
        };
        let tls = server_config(Arc::clone(&served), clients.as_ref().map(ClientCa::clients))?;
        let reloader =
            CertificateReloader { files, clients, served, is_self_signed, metrics: Arc::clone(metrics) };
        reloader.show_validity();
        Ok(Self { tls: Arc::new(tls), ca_bundle, reloader, issuer, callers })
    }
}

fn self_signed(names: &[String], now: SystemTime) -> Result<(Arc<CertificateResolver>, String)> {
    let authority = Authority::new(names, now, SELF_SIGNED_LIFETIME)
        .map_err(|error| InputError::new(format_args!("certificate.names: {}", names.join(", ")), error))?;
    let served = Arc::new(CertificateResolver::new(authority.issue(now, SELF_SIGNED_LIFETIME)?));
    Ok((served, authority.pem()))
}

/// Returns the certificates to trust a pair of files by: its chain, or the certificate itself without a chain.
fn bundle(served: &CertificateResolver) -> Bundle {
    let Some(pair) = served.current() else { return Bundle::default() };
    match pair.certificates() {
        [_, signers @ ..] if !signers.is_empty() => Bundle::from(signers.to_vec()),
        alone => Bundle::from(alone.to_vec()),
    }
}

// === impl CertificateReloader ===

impl CertificateReloader {
    /// Starts a thread that checks the files at every interval. Starts no thread if no files are configured.
    pub(super) fn start(mut self, interval: Duration) -> io::Result<ReloadThread> {
        if self.files.is_none() && self.clients.is_none() {
            return Ok(ReloadThread { stop: None, thread: None });
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("reload".to_owned()).spawn(move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                self.check(SystemTime::now());
            }
        })?;
        Ok(ReloadThread { stop: Some(stop), thread: Some(thread) })
    }

    /// Returns whether this process generated the certificate.
    pub(super) const fn is_self_signed(&self) -> bool {
        self.is_self_signed
    }

    fn check(&mut self, now: SystemTime) {
        if let Some(files) = &mut self.files {
            report(&self.metrics, Reloaded::Certificate, files.poll(now));
        }
        if let Some(clients) = &mut self.clients {
            report(&self.metrics, Reloaded::ClientCa, clients.poll());
        }
        self.show_validity();
    }

    fn show_validity(&self) {
        if let Some(served) = self.served.current() {
            self.metrics.certificate(served.validity());
        }
    }
}

/// Counts each check that finds a change. Logs an error once, and not again while it repeats.
fn report<E: Display>(metrics: &Metrics, what: Reloaded, reload: Reload<E>) {
    match reload {
        Reload::Unchanged => {}
        Reload::Replaced => {
            metrics.reloaded(what, ReloadOutcome::Taken);
            tracing::info!(?what, "reloaded, and in use from now on");
        }
        Reload::Kept { error, again } => {
            metrics.reloaded(what, ReloadOutcome::Refused);
            if !again {
                tracing::error!(?what, %error, "can't be reloaded; the previous one stays in use");
            }
        }
    }
}

// === impl ReloadThread ===

impl Drop for ReloadThread {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The panic hook has already reported a panic of this thread.
            let _ = thread.join();
        }
    }
}
