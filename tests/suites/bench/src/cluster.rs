//! A large cluster: the cost of a verdict when many volumes are known, and the time and memory of the initial sync.

use crate::effort::Effort;
use crate::process::{ServerIdentity, ServerProcess};
use anyhow::{Context, Result, ensure};
use ordinance::admission::Admission;
use ordinance::judge::Judge;
use ordinance::limits::Limits;
use ordinance::review::AdmissionReview;
use ordinance_contract::{Phase, Request, Scope};
use ordinance_engine::{Engine, Policy};
use ordinance_testkit::apiserver::ApiServer;
use ordinance_testkit::figures::{Better, Figure, Figures};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The validating review of a created volume, which is admitted and then remembered.
const CREATION: &[u8] = include_bytes!("../../../data/reviews/004-validate-create-persistentvolumes-pv.json");

/// A stored volume of 2.2 KiB that is bound to a claim.
const BOUND: &[u8] = include_bytes!("../../../data/reviews/010-validate-update-persistentvolumes-pv.json");

/// The plural name of the resource.
pub const VOLUMES: &str = "persistentvolumes";

/// The number of volumes in a small and in a large cluster.
const FEW: usize = 10;
const MANY: usize = 100_000;

/// How long verdicts are measured in one round.
const TIME: Duration = Duration::from_millis(400);

/// Measures verdicts and the sync.
pub fn measure(figures: &mut Figures, effort: Effort, ordinance: &Path) -> Result<()> {
    verdicts(figures, effort)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(sync(figures, effort, ordinance))
}

/// Measures the validating review of a volume among few and among many others on its export, in turn.
fn verdicts(figures: &mut Figures, effort: Effort) -> Result<()> {
    let (small, large) = (admission_with(FEW)?, admission_with(MANY)?);
    let review = AdmissionReview::parse(CREATION, Limits::default().json_depth)?;
    let request = review.request(Phase::Validate);
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        few.push(time(&small, &request)?);
        many.push(time(&large, &request)?);
    }
    let ratios: Vec<f64> = many.iter().zip(&few).map(|(many, few)| many / few).collect();
    let mut add = |what: &str, unit, goal, rounds: &[f64]| {
        figures.add(Figure::measured(
            &format!("verdict for a volume, {what}"),
            unit,
            Better::Lower,
            goal,
            rounds,
        ));
    };
    add("among 10", "us", None, &few);
    add("among 100 000", "us", None, &many);
    add("among 100 000 / among 10", "ratio", Some(1.5), &ratios);
    Ok(())
}

/// Returns the microseconds of a verdict that admits the volume.
fn time(admission: &Admission, request: &Request<'_>) -> Result<f64> {
    let (start, mut verdicts) = (Instant::now(), 0_u32);
    while start.elapsed() < TIME {
        let verdict = admission.judge(request, Instant::now() + TIME)?;
        ensure!(verdict.is_allowed(), "the volume was refused: {:?}", verdict.findings);
        verdicts += 1;
    }
    Ok(1e6 * start.elapsed().as_secs_f64() / f64::from(verdicts))
}

/// Returns the built-in policy with `count` known volumes.
fn admission_with(count: usize) -> Result<Admission> {
    let limits = Limits { remembered_objects: 2 * MANY, ..Limits::default() };
    let admission = Admission::new(Policy::built_in(&Engine::new(limits.engine())?, "")?, &limits);
    for volume in volumes(count)? {
        let name = volume["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let scope =
            Scope { version: "v1".into(), resource: VOLUMES.into(), name: name.into(), ..Scope::default() };
        let left_out = admission.fill([(scope, &*volume.to_string())])?;
        ensure!(left_out.is_empty(), "a volume could not be read: {left_out:?}");
    }
    Ok(admission)
}

/// Measures the time from `exec` to ready with the real client, and the memory of many volumes in addition to that of
/// few.
async fn sync(figures: &mut Figures, effort: Effort, ordinance: &Path) -> Result<()> {
    let (identity, small, large) = (ServerIdentity::new()?, api_server_with(FEW)?, api_server_with(MANY)?);
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let few = start_replica(ordinance, &identity, &small).await?.resident()?;
        let server = start_replica(ordinance, &identity, &large).await?;
        times.push(server.first_verdict.as_secs_f64());
        memory.push(server.resident()? - few);
    }
    figures.add(Figure::measured("sync of 100 000 volumes", "s", Better::Lower, Some(20.0), &times));
    figures.add(Figure::measured(
        "resident memory, 100 000 volumes more",
        "MB",
        Better::Lower,
        Some(45.0),
        &memory,
    ));
    Ok(())
}

/// Starts an API server with `count` volumes.
pub fn api_server_with(count: usize) -> Result<ApiServer> {
    let api = ApiServer::start()?;
    volumes(count)?.for_each(|volume| api.put(VOLUMES, volume));
    api.compact();
    Ok(api)
}

async fn start_replica(
    ordinance: &Path,
    identity: &ServerIdentity,
    api: &ApiServer,
) -> Result<ServerProcess> {
    let directory = tempfile::tempdir()?;
    let kubeconfig = directory.path().join("kubeconfig");
    fs::write(&kubeconfig, api.kubeconfig())?;
    ServerProcess::follow(ordinance, identity, &kubeconfig).await
}

/// Returns volumes as a provisioner makes them: each has a directory of its own on one export.
fn volumes(count: usize) -> Result<impl Iterator<Item = Value>> {
    let mut review: Value = serde_json::from_slice(BOUND)?;
    let bound = review.pointer_mut("/request/object").context("the review has no object")?.take();
    Ok((0..count).map(move |number| {
        let uid = format!("{number:08x}-6393-11e8-b7cc-42010a800002");
        let mut volume = bound.clone();
        volume["metadata"]["name"] = format!("pvc-{uid}").into();
        volume["spec"]["nfs"]["path"] = format!("/export/shop-data-pvc-{uid}").into();
        volume["metadata"]["uid"] = uid.into();
        volume
    }))
}
