//! Fills the memory of a server in each way that a caller can, and holds it.

use super::cgroup::Cgroup;
use super::client::{Client, Connection};
use crate::host::HostProcess;
use crate::reviews::review;
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;

/// How much a trial sends.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLoad {
    /// The memory limit in bytes.
    pub limit: usize,
    /// Reviews with a name of 6.5 MB.
    pub long_names: usize,
    /// Reviews of sets with 150 volumes whose paths have 255 segments.
    pub deep_sets: usize,
    /// Connections that hold all but the last byte of a body of 250 KB, and then as many that hold 4 MB.
    pub held_bodies: usize,
    /// Connections without a request.
    pub silent_connections: usize,
    /// Reviews whose answers are not read.
    pub unread_answers: usize,
}

/// What a trial has measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryFigures {
    /// The most memory in bytes that the server used.
    pub peak: usize,
    /// The memory limit in bytes.
    pub limit: usize,
    /// Whether the server ran in a cgroup with this limit. Otherwise only the process was watched.
    pub in_cgroup: bool,
    /// Whether the server lived to the end and answered an ordinary review.
    pub answers: bool,
    /// The statuses of the reviews with long names, each once.
    pub long_name_statuses: Vec<u16>,
}

const PATH: &str = "/validate/storage?timeout=10s";

/// Sizes of bodies.
const NAME_BYTES: usize = 6_500_000;
const SMALL_BODY: usize = 250_000;
const LARGE_BODY: usize = 4_000_000;

// === impl MemoryLoad ===

impl MemoryLoad {
    /// Starts the server and loads it. Where no cgroup can be created, the server gets the limit by its configuration.
    ///
    /// # Errors
    ///
    /// The server does not start, or ends.
    pub fn run(&self, program: &Path) -> Result<MemoryFigures> {
        let group = Cgroup::new(self.limit).ok();
        let mut host = HostProcess::with_memory(program, group.as_ref(), self.limit)?;
        let client = Client::new(&host);
        let mut long_name_statuses = self.send_long_names(&client)?;
        long_name_statuses.dedup();
        self.send_deep_sets(&client);
        let held = self.hold(&client);
        let answers = host.lives() && client.status(PATH, &ordinary().to_string())? == 200;
        drop(held);
        let peak = match &group {
            Some(group) => group.peak()?,
            None => host.peak()?,
        };
        let (limit, in_cgroup) = (self.limit, group.is_some());
        Ok(MemoryFigures { peak, limit, in_cgroup, answers, long_name_statuses })
    }

    fn send_long_names(&self, client: &Client) -> Result<Vec<u16>> {
        let mut review = ordinary();
        review["request"]["name"] = "n".repeat(NAME_BYTES).into();
        let review = review.to_string();
        (0..self.long_names).map(|_| client.status(PATH, &review)).collect()
    }

    /// Sends sets of several names. A refusal is as good as an answer.
    fn send_deep_sets(&self, client: &Client) {
        for number in 0..self.deep_sets {
            let _ = client.status(PATH, &deep_set(number).to_string());
        }
    }

    /// Returns connections that hold what they have sent. The server may have closed some of them.
    fn hold(&self, client: &Client) -> Vec<Connection> {
        let silent = (0..self.silent_connections).map(|_| client.connect());
        let held = |size: usize| {
            let body = padded(size);
            (0..self.held_bodies).map(move |_| {
                let mut connection = client.connect()?;
                connection.send_part(PATH, &body, body.len() - 1)?;
                Ok(connection)
            })
        };
        let unread = (0..self.unread_answers).map(|number| {
            let body = deep_set(number).to_string();
            let mut connection = client.connect()?;
            connection.send_part(PATH, &body, body.len())?;
            Ok(connection)
        });
        silent.chain(held(LARGE_BODY)).chain(held(SMALL_BODY)).chain(unread).flatten().collect()
    }
}

/// Returns the review of a volume that conflicts with no other one.
fn ordinary() -> Value {
    let object = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"},
        "spec": {"accessModes": ["ReadWriteMany"], "nfs": {"server": "other.example.com", "path": "/srv"}},
    });
    review("CREATE", ["", "v1", "persistentvolumes"], &object, &Value::Null)
}

/// Returns an ordinary review with spaces up to a size.
fn padded(size: usize) -> String {
    let review = ordinary().to_string();
    let padding = " ".repeat(size.saturating_sub(review.len()));
    review + &padding
}

/// Returns the review of a set that mounts 150 volumes read-only, each at a path of 255 segments.
fn deep_set(number: usize) -> Value {
    let name = format!("set-{number}");
    let path = |volume: usize| format!("/{number}-{volume}{}", "/a".repeat(254));
    let volume = |volume: usize| json!({"name": format!("v{volume}"), "nfs": {"server": "nas.example.com", "path": path(volume), "readOnly": true}});
    let mount = |volume: usize| json!({"name": format!("v{volume}"), "mountPath": format!("/v{volume}"), "readOnly": true});
    let container =
        json!({"name": "app", "image": "app", "volumeMounts": (0..150).map(mount).collect::<Value>()});
    let object = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": "team"},
        "spec": {"replicas": 2, "serviceName": "web", "template": {"spec": {
            "containers": [container], "volumes": (0..150).map(volume).collect::<Value>(),
        }}},
    });
    review("CREATE", ["apps", "v1", "statefulsets"], &object, &Value::Null)
}
