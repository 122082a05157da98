//! A replica that polls the store, signs its own leaf certificates, and serves TLS.

use crate::api::{ApiStore, names};
use crate::wait::until;
use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use ordinance_certs::{
    CertificateResolver, LeafSigner, Reconciler, RecordReading, Renewal, Rotation, Schedule,
    WebhookReadiness, server_config,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A running replica; stopped on drop.
pub struct ServingReplica {
    pub address: SocketAddr,
    served: Arc<CertificateResolver>,
    _tasks: JoinSet<()>,
}

/// The events of all replicas.
#[derive(Clone, Debug, Default)]
pub struct EventLog(Arc<Mutex<RotationEvents>>);

/// The events so far.
#[derive(Clone, Debug, Default)]
pub struct RotationEvents {
    /// When each leaf certificate was replaced.
    pub leaves: Vec<Instant>,
    /// The number of switches to another CA.
    pub authorities: usize,
    /// When the first replica was ready.
    pub ready: Option<Instant>,
}

/// The polling part of a replica.
pub struct PollingReplica {
    api: ApiStore,
    reconciler: Reconciler<ApiStore, ApiStore>,
    signer: LeafSigner,
    schedule: Schedule,
    log: EventLog,
}

// === impl EventLog ===

impl EventLog {
    /// Returns the events so far.
    pub fn events(&self) -> RotationEvents {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn update(&self, update: impl FnOnce(&mut RotationEvents)) {
        update(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

// === impl PollingReplica ===

impl PollingReplica {
    pub fn new(api: &ApiStore, schedule: Schedule, log: &EventLog) -> Self {
        let signer = LeafSigner::new(schedule);
        Self { api: api.clone(), reconciler: reconciler(api, schedule), signer, schedule, log: log.clone() }
    }

    pub fn served(&self) -> Arc<CertificateResolver> {
        self.signer.served()
    }

    /// Forgets the remembered record, as a restart does.
    pub fn restart(&mut self) {
        self.reconciler = reconciler(&self.api, self.schedule);
    }

    /// Polls once, as the leader or as a follower.
    pub async fn poll(&mut self, leads: bool) -> Result<()> {
        let now = SystemTime::now();
        let before = self.reconciler.record().map(|record| record.current.clone());
        if leads {
            self.reconciler.lead(now, WebhookReadiness::Ready).await?;
        } else {
            self.reconciler.follow().await?;
        }
        let Some(record) = self.reconciler.record() else { return Ok(()) };
        let switched = leads && before.is_some_and(|before| before != record.current);
        let had_leaf = self.signer.served().current().is_some();
        let renewed =
            self.signer.renew(RecordReading { record, at: now }, now)? == Renewal::Signed && had_leaf;
        let is_ready = record.is_trusted(now, &self.schedule);
        self.log.update(|events| {
            events.authorities += usize::from(switched);
            events.leaves.extend(renewed.then(Instant::now));
            events.ready = events.ready.or_else(|| is_ready.then(Instant::now));
        });
        Ok(())
    }
}

fn reconciler(api: &ApiStore, schedule: Schedule) -> Reconciler<ApiStore, ApiStore> {
    Reconciler::new(api.clone(), api.clone(), Rotation::new(names(), schedule))
}

// === impl ServingReplica ===

impl ServingReplica {
    /// Starts a replica. `actions` returns what it does at each poll, and the pause after it.
    pub async fn start(
        mut poller: PollingReplica,
        mut actions: impl FnMut() -> (ReplicaAction, Duration) + Send + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let served = poller.served();
        let acceptor = TlsAcceptor::from(Arc::new(server_config(Arc::clone(&served), None)?));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, acceptor));
        tasks.spawn(async move {
            loop {
                let (action, pause) = actions();
                if action == ReplicaAction::Restart {
                    poller.restart();
                }
                // The store is in memory, so an error is a conflict that the next poll resolves.
                let _ = poller.poll(action == ReplicaAction::Lead).await;
                tokio::time::sleep(pause).await;
            }
        });
        Ok(Self { address, served, _tasks: tasks })
    }

    /// Waits until the replica has a certificate.
    pub async fn wait_for_certificate(&self) -> Result<()> {
        until(async || self.served.current()).await.map(drop)
    }
}

/// What a replica does at a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaAction {
    Lead,
    Follow,
    Restart,
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(stream, acceptor.clone()));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
    // The caller records the error of a broken connection.
    let _ = connection.await;
}

/// Reads the whole body before it responds, as an admission webhook does.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    Ok(Response::new(Full::new(body)))
}
