//! Stands before a replica of Ordinance and keeps every review that it is sent.

use crate::authority::PemPair;
use crate::https::{Answer, Https};
use crate::recording::Recording;
use anyhow::{Context, Result};
use http::{HeaderName, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use kube::client::Body;
use kube::{Client, Config};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// What of an answer's head is passed on: the rest is about one connection.
const HEAD: [HeaderName; 3] = [header::CONTENT_TYPE, header::CONNECTION, header::RETRY_AFTER];

/// A listener with the replica's certificate. It ends with this value.
#[derive(Debug)]
pub(crate) struct Recorder {
    https: Https,
    replica: Arc<RwLock<SocketAddr>>,
}

/// Passes a request on.
struct Relay {
    recording: Arc<Recording>,
    replica: Arc<RwLock<SocketAddr>>,
}

// === impl Recorder ===

impl Recorder {
    /// Before a replica that listens on an address.
    pub async fn start(recording: Arc<Recording>, pair: &PemPair, replica: SocketAddr) -> Result<Self> {
        let replica = Arc::new(RwLock::new(replica));
        let relay = Relay { recording, replica: Arc::clone(&replica) };
        Ok(Self { https: Https::bind("127.0.0.1:0".parse()?, pair, relay).await?, replica })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.https.address()
    }

    /// The replica listens elsewhere now.
    pub fn set_replica(&self, replica: SocketAddr) {
        *self.replica.write().unwrap_or_else(PoisonError::into_inner) = replica;
    }
}

impl Answer for Relay {
    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let path = request.uri().path_and_query().context("a request without a path")?.to_string();
        self.recording.store(&path, request.body())?;
        let replica = *self.replica.read().unwrap_or_else(PoisonError::into_inner);
        let asked = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        let asked = asked.body(Body::from(request.into_body().to_vec()))?;
        let (head, body) = client(replica)?.send(asked).await?.into_parts();
        let mut answer = Response::new(body.collect().await?.to_bytes());
        *answer.status_mut() = head.status;
        let headers = answer.headers_mut();
        headers.extend(
            HEAD.into_iter().filter_map(|name| Some((name.clone(), head.headers.get(&name)?.clone()))),
        );
        Ok(answer)
    }
}

/// A client that takes whatever certificate it is shown: both ends are of this process's making.
fn client(replica: SocketAddr) -> Result<Client> {
    let mut config = Config::new(format!("https://{replica}").parse()?);
    config.accept_invalid_certs = true;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}
