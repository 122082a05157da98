//! The server's certificate and its clients' CA: made or read, then looked at again while the server runs.

use super::issuing::Issuer;
use crate::config::{Certificate, Fault};
use crate::metrics::{Metrics, ReloadOutcome, Reloaded};
use anyhow::Result;
use ordinance_certs::{Authority, Bundle, ClientCa, Files, Lifetime, Reload, Served, server_config};
use rustls::ServerConfig;
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// How long a self-signed certificate counts; it is for trying things out.
const SELF_SIGNED: Lifetime = Lifetime::days(365);

/// What handshakes are made of.
pub(super) struct Certificates {
    /// How they go; certificates change inside it.
    pub(super) tls: Arc<ServerConfig>,
    /// Whom the server can be trusted by, PEM.
    pub(super) ca_bundle: String,
    /// What can change.
    pub(super) watched: Watched,
    /// Who signs for the server, where the CA is its own.
    pub(super) issuer: Option<Issuer>,
}

/// What is looked at again.
pub(super) struct Watched {
    files: Option<Files>,
    clients: Option<ClientCa>,
    served: Arc<Served>,
    is_self_signed: bool,
    metrics: Arc<Metrics>,
}

/// The thread that looks; dropping this ends it.
pub(super) struct Reloads {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Certificates ===

impl Certificates {
    /// Takes over what was read; makes what is to be made.
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
        watched.tell_expiry();
        Ok(Self { tls: Arc::new(tls), ca_bundle, watched, issuer })
    }
}

fn self_signed(names: &[String], now: SystemTime) -> Result<(Arc<Served>, String)> {
    let authority = Authority::new(names, now, SELF_SIGNED)
        .map_err(|error| Fault::new(format_args!("certificate.names: {}", names.join(", ")), error))?;
    let served = Arc::new(Served::new(authority.issue(now, SELF_SIGNED)?));
    Ok((served, authority.pem()))
}

/// What a client needs to trust a pair from files: those that signed it, or itself if it stands alone.
fn bundle(served: &Served) -> Bundle {
    let Some(pair) = served.current() else { return Bundle::default() };
    match pair.certificates() {
        [_, signers @ ..] if !signers.is_empty() => Bundle::from(signers.to_vec()),
        alone => Bundle::from(alone.to_vec()),
    }
}

// === impl Watched ===

impl Watched {
    /// Looks every so often from now on, until the returned value is dropped. Nothing to look at is looked at by nobody.
    pub(super) fn start(mut self, interval: Duration) -> io::Result<Reloads> {
        if self.files.is_none() && self.clients.is_none() {
            return Ok(Reloads { stop: None, thread: None });
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("reload".to_owned()).spawn(move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                self.look(SystemTime::now());
            }
        })?;
        Ok(Reloads { stop: Some(stop), thread: Some(thread) })
    }

    /// Whether nobody can know the CA but from this process.
    pub(super) const fn is_self_signed(&self) -> bool {
        self.is_self_signed
    }

    fn look(&mut self, now: SystemTime) {
        if let Some(files) = &mut self.files {
            tell(&self.metrics, Reloaded::Certificate, files.poll(now));
        }
        if let Some(clients) = &mut self.clients {
            tell(&self.metrics, Reloaded::ClientCa, clients.poll());
        }
        self.tell_expiry();
    }

    fn tell_expiry(&self) {
        if let Some(served) = self.served.current() {
            self.metrics.certificate(served.validity());
        }
    }
}

/// Counts every look that found a change; says once what is wrong.
fn tell<E: Display>(metrics: &Metrics, what: Reloaded, reload: Reload<E>) {
    match reload {
        Reload::Unchanged => {}
        Reload::Replaced => {
            metrics.reloaded(what, ReloadOutcome::Taken);
            tracing::info!(?what, "read again, and in use from now on");
        }
        Reload::Kept { error, again } => {
            metrics.reloaded(what, ReloadOutcome::Refused);
            if !again {
                tracing::error!(?what, %error, "can't be used; the old one stays in use");
            }
        }
    }
}

// === impl Reloads ===

impl Drop for Reloads {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}
