//! One replica: it looks from time to time, signs for itself, and answers over TLS.

use crate::api::{Api, names};
use crate::clobber::until;
use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use ordinance_certs::{
    Keeper, Readiness, Reading, Renewal, Rotation, Schedule, Served, Signing, server_config,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A replica that runs until it is dropped.
pub struct Replica {
    pub address: SocketAddr,
    served: Arc<Served>,
    _tasks: JoinSet<()>,
}

/// What happened in replicas, and when.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Happened>>);

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Happened {
    /// When a leaf was replaced by another.
    pub leaves: Vec<Instant>,
    /// How often another CA began to sign.
    pub authorities: usize,
    /// When a replica was first able to serve.
    pub ready: Option<Instant>,
}

/// Looks for one replica.
pub struct Looker {
    api: Api,
    keeper: Keeper<Api, Api>,
    signing: Signing,
    schedule: Schedule,
    log: Log,
}

// === impl Log ===

impl Log {
    /// All until now.
    pub fn happened(&self) -> Happened {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: impl FnOnce(&mut Happened)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

// === impl Looker ===

impl Looker {
    pub fn new(api: &Api, schedule: Schedule, log: &Log) -> Self {
        let signing = Signing::new(schedule);
        Self { api: api.clone(), keeper: keeper(api, schedule), signing, schedule, log: log.clone() }
    }

    pub fn served(&self) -> Arc<Served> {
        self.signing.served()
    }

    /// Somebody killed it: what it remembered is gone.
    pub fn forget(&mut self) {
        self.keeper = keeper(&self.api, self.schedule);
    }

    /// Looks as the one who leads, or as another.
    pub async fn look(&mut self, leads: bool) -> Result<()> {
        let now = SystemTime::now();
        let before = self.keeper.record().map(|record| record.current.clone());
        if leads {
            self.keeper.lead(now, Readiness::Ready).await?;
        } else {
            self.keeper.follow().await?;
        }
        let Some(record) = self.keeper.record() else { return Ok(()) };
        let switched = leads && before.is_some_and(|before| before != record.current);
        let had = self.signing.served().current().is_some();
        let renewed = self.signing.look(Reading { record, at: now }, now)? == Renewal::Signed && had;
        let is_ready = record.is_trusted(now, &self.schedule);
        self.log.note(|happened| {
            happened.authorities += usize::from(switched);
            happened.leaves.extend(renewed.then(Instant::now));
            happened.ready = happened.ready.or_else(|| is_ready.then(Instant::now));
        });
        Ok(())
    }
}

fn keeper(api: &Api, schedule: Schedule) -> Keeper<Api, Api> {
    Keeper::new(api.clone(), api.clone(), Rotation::new(names(), schedule))
}

// === impl Replica ===

impl Replica {
    /// Serves what the looker signs from now on; `turns` says what it does at each look, and how long it rests then.
    pub async fn start(
        mut looker: Looker,
        mut turns: impl FnMut() -> (Turn, Duration) + Send + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let served = looker.served();
        let acceptor = TlsAcceptor::from(Arc::new(server_config(Arc::clone(&served), None)?));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, acceptor));
        tasks.spawn(async move {
            loop {
                let (turn, rest) = turns();
                if turn == Turn::Dies {
                    looker.forget();
                }
                // Nothing of it can fail for long: the store is in memory.
                let _ = looker.look(turn == Turn::Leads).await;
                tokio::time::sleep(rest).await;
            }
        });
        Ok(Self { address, served, _tasks: tasks })
    }

    /// Waits until it has something to serve.
    pub async fn serves(&self) -> Result<()> {
        until(async || self.served.current()).await.map(drop)
    }
}

/// What a replica does at its next look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Leads,
    Follows,
    Dies,
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
    // Whatever ends it concerns the caller, who counts it.
    let _ = connection.await;
}

/// As an admission webhook: the whole body is read before it is answered.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    Ok(Response::new(Full::new(body)))
}
