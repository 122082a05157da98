//! Audits of a large cluster: `ordinance audit` of its dump, and the audit of a running server beside reviews.

use crate::cluster::{VOLUMES, api_server_with};
use crate::command::{self, CommandRun};
use crate::effort::Effort;
use crate::load::{Latencies, LoadTarget, open_loop};
use crate::process::{ServerIdentity, ServerProcess};
use crate::server::REVIEW;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use ordinance_testkit::apiserver::{ApiServer, Verb};
use ordinance_testkit::figures::{Better, Figure, Figures};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// The objects of the cluster.
const CLUSTER: Shape = Shape { volumes: 100_000, sets: 5_000 };

/// A tenth of them, to compare the cost of an object.
const TENTH: Shape = Shape { volumes: 10_000, sets: 500 };

/// One of so many pairs of volumes is on one directory.
const SHARED_PAIR: usize = 1_000;

/// One of so many sets shares a claim.
const SHARED_CLAIM: usize = 10;

/// The reviews in a second beside the audit of a server: far below what it can answer.
const RATE: f64 = 200.0;

/// The time of reviews between two looks whether the audit is over.
const SLICE: Duration = Duration::from_millis(500);

/// How long to wait for the audit of a server to begin, and to end. It begins within `audit.interval`.
const AUDIT_TIME: Duration = Duration::from_secs(150);

/// The first and the last kind that an audit lists.
const FIRST_LISTED: &str = "persistentvolumeclaims";
const LAST_LISTED: &str = "storageclasses";

/// The number of objects in a cluster.
#[derive(Clone, Copy)]
struct Shape {
    volumes: usize,
    sets: usize,
}

/// Measures both.
pub fn measure(figures: &mut Figures, effort: Effort, ordinance: &Path) -> Result<()> {
    measure_command(figures, effort, ordinance)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure_server(figures, ordinance))
}

/// Measures `ordinance audit` of a dump that is one YAML `List`.
fn measure_command(figures: &mut Figures, effort: Effort, ordinance: &Path) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (large, small) = (directory.path().join("large.yaml"), directory.path().join("small.yaml"));
    fs::write(&large, CLUSTER.dump())?;
    fs::write(&small, TENTH.dump())?;
    let (mut times, mut peaks, mut ratios) = <(Vec<_>, Vec<_>, Vec<_>)>::default();
    for _ in 0..effort.rounds {
        let tenth = audit(ordinance, &small)?;
        let all = audit(ordinance, &large)?;
        times.push(all.time.as_secs_f64());
        peaks.push(all.peak);
        ratios.push(all.time.as_secs_f64() / 10.0 / tenth.time.as_secs_f64());
    }
    let mut add = |name, unit, goal, rounds: &[f64]| {
        figures.add(Figure::measured(name, unit, Better::Lower, goal, rounds));
    };
    add("audit, 105 000 objects", "s", Some(5.0), &times);
    add("audit, 105 000 objects, peak memory", "MB", Some(300.0), &peaks);
    add("audit, an object among 105 000 / among 10 500", "ratio", Some(1.5), &ratios);
    Ok(())
}

/// Runs an audit, which finds denials.
fn audit(ordinance: &Path, dump: &Path) -> Result<CommandRun> {
    command::run(ordinance, &["audit", "--output", "json"], dump, 1)
}

/// Measures the latency of reviews while a server audits its cluster, and afterwards, and the memory that the audit takes.
async fn measure_server(figures: &mut Figures, ordinance: &Path) -> Result<()> {
    let api = cluster()?;
    let (identity, directory) = (ServerIdentity::new()?, tempfile::tempdir()?);
    let kubeconfig = directory.path().join("kubeconfig");
    fs::write(&kubeconfig, api.kubeconfig())?;
    let server = ServerProcess::audit(ordinance, &identity, &kubeconfig).await?;
    let target = LoadTarget { body: Bytes::from_static(REVIEW), ..server.target.clone() };
    let listed = lists(&api, LAST_LISTED);
    await_list(&api, FIRST_LISTED).await?;
    let (memory, start) = (server.resident()?, Instant::now());
    let (mut beside, mut peak) = (Latencies::default(), memory);
    while lists(&api, LAST_LISTED) == listed {
        ensure!(start.elapsed() < AUDIT_TIME, "the audit took longer than {} s", AUDIT_TIME.as_secs());
        beside.append(reviews(&target, SLICE).await?);
        peak = server.resident()?.max(peak);
    }
    let time = start.elapsed();
    let alone = reviews(&target, time).await?;
    let mut add = |name, unit, goal, figure| {
        figures.add(Figure::measured(name, unit, Better::Lower, goal, &[figure]));
    };
    add("audit of a server, 105 000 objects", "s", None, time.as_secs_f64());
    add("audit of a server, more memory", "MB", Some(50.0), peak - memory);
    add("p99 of reviews, without an audit", "ms", None, alone.p99());
    add("p99 of reviews, beside an audit", "ms", None, beside.p99());
    add("p99 of reviews, beside an audit / without", "ratio", Some(2.0), beside.p99() / alone.p99());
    Ok(())
}

async fn reviews(target: &LoadTarget, time: Duration) -> Result<Latencies> {
    let target = target.clone();
    spawn_blocking(move || open_loop(&target, RATE, time)).await?
}

/// Waits until a kind is listed once more.
async fn await_list(api: &ApiServer, resource: &str) -> Result<()> {
    let (start, before) = (Instant::now(), lists(api, resource));
    while lists(api, resource) == before {
        ensure!(start.elapsed() < AUDIT_TIME, "no audit began within {} s", AUDIT_TIME.as_secs());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Returns how often a kind was listed. There is no object of it, so each list is one page.
fn lists(api: &ApiServer, resource: &str) -> usize {
    api.requests(resource).iter().filter(|request| request.verb == Verb::List).count()
}

/// Starts an API server with all objects.
fn cluster() -> Result<ApiServer> {
    let api = api_server_with(CLUSTER.volumes)?;
    let review: Value = serde_json::from_slice(REVIEW)?;
    let set = review.pointer("/request/object").context("the review has no object")?;
    for number in 0..CLUSTER.sets {
        let mut set = set.clone();
        set["metadata"]["name"] = format!("web-{number}").into();
        set["metadata"]["uid"] = format!("set-{number}").into();
        api.put("statefulsets", set);
    }
    api.compact();
    ensure!(!api.names(VOLUMES).is_empty(), "the cluster has no volume");
    Ok(api)
}

// === impl Shape ===

impl Shape {
    /// Returns the objects as `kubectl get -o yaml` writes them.
    fn dump(self) -> String {
        let mut dump = "apiVersion: v1\nitems:\n".to_owned();
        (0..self.sets).for_each(|number| set(&mut dump, number));
        (0..self.volumes).for_each(|number| volume(&mut dump, number));
        dump + "kind: List\nmetadata:\n  resourceVersion: \"\"\n"
    }
}

/// Writes a volume that is bound to a claim.
fn volume(dump: &mut String, number: usize) {
    let export = if number % (2 * SHARED_PAIR) == 1 { number - 1 } else { number };
    // Writing to a `String` can't fail.
    let _ = write!(
        dump,
        "- apiVersion: v1\n  kind: PersistentVolume\n  metadata:\n    annotations:\n      \
         pv.kubernetes.io/provisioned-by: nfs.example.com\n    creationTimestamp: \"2026-01-31T12:00:00Z\"\n    finalizers:\n    - \
         kubernetes.io/pv-protection\n    name: pv-{number}\n    resourceVersion: \"{number}\"\n    uid: volume-{number}\n  spec:\n    \
         accessModes:\n    - ReadWriteMany\n    capacity:\n      storage: 10Gi\n    claimRef:\n      apiVersion: v1\n      kind: \
         PersistentVolumeClaim\n      name: data-web-{number}\n      namespace: shop-{}\n      uid: claim-{number}\n    nfs:\n      \
         path: /srv/volumes/{}/{export}\n      server: nas-{}.example.com\n    persistentVolumeReclaimPolicy: Retain\n    \
         volumeMode: Filesystem\n  status:\n    phase: Bound\n",
        number % 50,
        export / 100,
        export % 20,
    );
}

/// Writes a set with a claim for each replica, or for all.
fn set(dump: &mut String, number: usize) {
    let is_shared = number.is_multiple_of(SHARED_CLAIM);
    let storage = if is_shared {
        "        volumes:\n        - name: data\n          persistentVolumeClaim:\n            claimName: data\n"
    } else {
        "    volumeClaimTemplates:\n    - metadata:\n        name: data\n      spec:\n        accessModes:\n        - \
         ReadWriteOnce\n        resources:\n          requests:\n            storage: 10Gi\n"
    };
    let _ = write!(
        dump,
        "- apiVersion: apps/v1\n  kind: StatefulSet\n  metadata:\n    creationTimestamp: \"2026-01-31T12:00:00Z\"\n    generation: \
         1\n    name: web-{number}\n    namespace: shop-{}\n    resourceVersion: \"{number}\"\n    uid: set-{number}\n  spec:\n    \
         podManagementPolicy: OrderedReady\n    replicas: 3\n    selector:\n      matchLabels:\n        app: web-{number}\n    \
         serviceName: web-{number}\n    template:\n      metadata:\n        labels:\n          app: web-{number}\n      spec:\n        \
         containers:\n        - image: registry.example.com/web:1.2.3\n          name: web\n          volumeMounts:\n          - \
         mountPath: /data\n            name: data\n{storage}  status:\n    replicas: 3\n",
        number % 50,
    );
}
