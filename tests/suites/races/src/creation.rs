//! A client that creates one volume, and tries again until it is stored or denied.

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::api::PostParams;
use kube::{Api, Client};
use ordinance_e2e::nfs_volume;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long a client tries. A reservation whose request failed keeps others out for its whole time.
const PATIENCE: Duration = Duration::from_secs(240);

/// The time until a client tries again.
const PAUSE: Duration = Duration::from_millis(500);

/// What became of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Stored,
    Denied,
    /// No answer in time.
    Unknown,
}

/// Creates a volume. Returns what became of it, and how often the request was repeated.
pub async fn create(client: &Client, name: &str, path: &str) -> (Outcome, usize) {
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    let Ok(volume) = serde_json::from_value(nfs_volume(name, "nas.example.com", path)) else {
        return (Outcome::Unknown, 0);
    };
    let (end, mut retries) = (Instant::now() + PATIENCE, 0);
    loop {
        match volumes.create(&PostParams::default(), &volume).await {
            Ok(_) => return (Outcome::Stored, retries),
            Err(error) => match outcome(&error) {
                Some(outcome) => return (outcome, retries),
                None if Instant::now() >= end => return (Outcome::Unknown, retries),
                None => {
                    retries += 1;
                    sleep(PAUSE).await;
                }
            },
        }
    }
}

/// Returns what an error says of the volume, or `None` if the client has to try again.
fn outcome(error: &kube::Error) -> Option<Outcome> {
    let kube::Error::Api(status) = error else { return None };
    if status.reason == "AlreadyExists" {
        return Some(Outcome::Stored);
    }
    status.message.contains("denied the request").then_some(Outcome::Denied)
}
