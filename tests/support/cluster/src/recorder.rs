//! A proxy in front of a replica of Ordinance that records every review.

use crate::authority::IssuedPair;
use crate::https::{Https, Respond};
use crate::recording::ReviewRecording;
use anyhow::{Context, Result};
use http::{HeaderName, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use kube::client::Body;
use kube::{Client, Config};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// The response headers to pass on. All others concern a single connection.
const HEAD: [HeaderName; 3] = [header::CONTENT_TYPE, header::CONNECTION, header::RETRY_AFTER];

/// A listener with the replica's certificate. Dropping it stops the proxy.
#[derive(Debug)]
pub(crate) struct Recorder {
    https: Https,
    replica: Arc<RwLock<SocketAddr>>,
}

/// Records a request and forwards it.
struct Relay {
    recording: Arc<ReviewRecording>,
    replica: Arc<RwLock<SocketAddr>>,
}

// === impl Recorder ===

impl Recorder {
    /// Starts a proxy for the replica at an address.
    pub async fn start(
        recording: Arc<ReviewRecording>,
        pair: &IssuedPair,
        replica: SocketAddr,
    ) -> Result<Self> {
        let replica = Arc::new(RwLock::new(replica));
        let relay = Relay { recording, replica: Arc::clone(&replica) };
        Ok(Self { https: Https::bind("127.0.0.1:0".parse()?, pair, relay).await?, replica })
    }

    /// The address that the proxy listens on.
    pub fn address(&self) -> SocketAddr {
        self.https.address()
    }

    /// Sets the replica's new address after a restart.
    pub fn set_replica(&self, replica: SocketAddr) {
        *self.replica.write().unwrap_or_else(PoisonError::into_inner) = replica;
    }
}

impl Respond for Relay {
    async fn respond(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
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

/// Returns a client that accepts any certificate: this process controls both ends.
fn client(replica: SocketAddr) -> Result<Client> {
    let mut config = Config::new(format!("https://{replica}").parse()?);
    config.accept_invalid_certs = true;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}
