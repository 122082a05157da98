//! One evaluation: in Wasm, as in the server, compared with the same policy called natively on as many threads.

use crate::effort::Effort;
use anyhow::{Context, Result, ensure};
use ordinance::limits::Limits;
use ordinance::review::AdmissionReview;
use ordinance_contract::{Operation, Phase, Request, Scope};
use ordinance_engine::{Engine, Policy, StartedReview};
use ordinance_policy::Settings;
use ordinance_testkit::figures::{Better, Figure, Figures};
use serde_json::{Value, json};
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// The size of the larger review, in bytes.
const LARGE: usize = 100 * 1024;

/// How long one way of evaluating is measured in one round.
const TIME: Duration = Duration::from_millis(400);

/// A measured combination of review size and threads, with its goal as a ratio to the native call.
struct EvaluationSetup {
    name: &'static str,
    threads: usize,
    goal: Option<f64>,
}

/// Measures evaluations.
pub fn measure(figures: &mut Figures, effort: Effort) -> Result<()> {
    let (limits, policy) = (Limits::default(), policy()?);
    let small = crate::server::REVIEW.to_vec();
    let large = enlarged(&small)?;
    let setup = |name, threads, goal| EvaluationSetup { name, threads, goal };
    for (body, setups) in [
        (&small, [setup("6 KiB, one thread", 1, None), setup("6 KiB, two threads", 2, Some(3.0))]),
        (&large, [setup("100 KiB, one thread", 1, None), setup("100 KiB, two threads", 2, Some(2.2))]),
    ] {
        let review = AdmissionReview::parse(body, limits.json_depth)?;
        let request = review.request(Phase::Mutate);
        for setup in &setups {
            compare(figures, effort, setup, &request, &policy);
        }
    }
    Ok(())
}

/// The greatest share by which 100 rows of `drivers` may slow an evaluation.
const ROWS_GOAL: f64 = 1.03;

/// A volume of the CSI driver for NFS, whose row is built in.
const VOLUME: &str = r#"{"metadata":{"name":"pv-b"},"spec":{"accessModes":["ReadWriteMany"],"capacity":{"storage":"10Gi"},
    "persistentVolumeReclaimPolicy":"Retain","mountOptions":["hard","nfsvers=4.1"],"csi":{"driver":"nfs.csi.k8s.io",
    "volumeHandle":"nas.example.com/srv/b","volumeAttributes":{"server":"nas.example.com","share":"/srv","subdir":"b"}}}}"#;

/// Measures evaluations with 100 rows of `drivers` against those without, in turn.
pub fn measure_rows(figures: &mut Figures, effort: Effort) -> Result<()> {
    let row = |number: usize| {
        let names = [format!("csi-{number}.example.org"), format!("*.csi-{number}.example.org")];
        let location = [
            "[protocol=nfs]nfs://{server}//{share}/{subdir?}",
            "smb://{handle.server}/{handle.share}//{dir?}",
        ];
        let class = json!({"directory": ["subDir"], "namespaceVariable": "${pvc.metadata.namespace}", "sharedIf": ["[!subDir]"]});
        json!({"names": names, "location": location, "handle": "server#share", "class": class})
    };
    let settings = json!({"drivers": (0..100).map(row).collect::<Vec<_>>()}).to_string();
    let engine = Engine::new(Limits::default().engine())?;
    let (plain, with_rows) = (Policy::built_in(&engine, "")?, Policy::built_in(&engine, &settings)?);
    let set = AdmissionReview::parse(crate::server::REVIEW, Limits::default().json_depth)?;
    for (name, request) in [("6 KiB", set.request(Phase::Mutate)), ("CSI volume", volume_request())] {
        let (mut micros, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            let (without, with) = in_turn(|| in_wasm(&request, &plain), || in_wasm(&request, &with_rows));
            micros.push(without);
            ratios.push(with / without);
        }
        let mut add = |what: &str, unit, goal, rounds: &[f64]| {
            let name = format!("evaluation, {name}, {what}");
            figures.add(Figure::measured(&name, unit, Better::Lower, goal, rounds));
        };
        if name == "CSI volume" {
            add("Wasm", "us", None, &micros);
        }
        add("with / without 100 rows of `drivers`", "ratio", Some(ROWS_GOAL), &ratios);
    }
    Ok(())
}

fn volume_request() -> Request<'static> {
    Request {
        operation: Operation::Create,
        phase: Phase::Validate,
        scope: Scope {
            version: "v1".into(),
            resource: "persistentvolumes".into(),
            name: "pv-b".into(),
            ..Scope::default()
        },
        kind: "PersistentVolume".into(),
        dry_run: false,
        user_info: r#"{"username":"admin"}"#.into(),
        object: Some(VOLUME.into()),
        old_object: None,
    }
}

/// Measures this program against the one of the profile `release`, in turn, on the smaller review and one thread.
pub fn compare_with_release(figures: &mut Figures, effort: Effort, release: &Path) -> Result<()> {
    let (mut ratios, policy) = (Vec::new(), policy()?);
    for _ in 0..effort.rounds {
        let output =
            Command::new(release).arg("evaluation").output().context("can't start the release build")?;
        ensure!(output.status.success(), "the release build failed: {}", output.status);
        let slow: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
        ratios.push(once(&policy)? / slow);
    }
    let name = "evaluation, 6 KiB, one thread, Wasm, dist / release";
    figures.add(Figure::measured(name, "ratio", Better::Lower, None, &ratios));
    Ok(())
}

/// Prints the microseconds of an evaluation of the smaller review, measured once on one thread.
pub fn print() -> Result<ExitCode> {
    println!("{}", once(&policy()?)?);
    Ok(ExitCode::SUCCESS)
}

fn once(policy: &Policy) -> Result<f64> {
    let review = AdmissionReview::parse(crate::server::REVIEW, Limits::default().json_depth)?;
    let request = review.request(Phase::Mutate);
    Ok(time(1, || in_wasm(&request, policy)))
}

fn policy() -> Result<Policy> {
    Ok(Policy::built_in(&Engine::new(Limits::default().engine())?, "")?)
}

/// Measures the native call and the evaluation in Wasm in turn.
fn compare(
    figures: &mut Figures,
    effort: Effort,
    setup: &EvaluationSetup,
    request: &Request<'_>,
    policy: &Policy,
) {
    let settings = Settings::default();
    let (mut wasm, mut native) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        native.push(time(setup.threads, || in_process(request, &settings)));
        wasm.push(time(setup.threads, || in_wasm(request, policy)));
    }
    let ratios: Vec<f64> = wasm.iter().zip(&native).map(|(wasm, native)| wasm / native).collect();
    let mut add = |what: &str, unit, goal, rounds: &[f64]| {
        figures.add(Figure::measured(
            &format!("evaluation, {}, {what}", setup.name),
            unit,
            Better::Lower,
            goal,
            rounds,
        ));
    };
    add("native", "us", None, &native);
    add("Wasm", "us", None, &wasm);
    add("Wasm / native", "ratio", setup.goal, &ratios);
}

fn in_process(request: &Request<'_>, settings: &Settings) {
    black_box(ordinance_policy::review(request, settings, &[]));
}

/// Evaluates as the host does: opens a review, and resumes the same instance with the holdings, here none.
fn in_wasm(request: &Request<'_>, policy: &Policy) {
    let deadline = Instant::now() + Duration::from_secs(1);
    if let Ok(StartedReview::NeedsHoldings(keys, pending)) = policy.start_review(request, deadline) {
        black_box(keys);
        let _ = black_box(pending.resume(&[]));
    }
}

/// Returns the microseconds per call and thread while that many threads call at once.
fn time(threads: usize, call: impl Fn() + Sync) -> f64 {
    let barrier = Barrier::new(threads);
    let one = || {
        barrier.wait();
        calls_within(TIME, &call)
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let times = running.into_iter().filter_map(|thread| thread.join().ok());
        times.sum::<f64>() / f64::from(u32::try_from(threads).unwrap_or(1))
    })
}

/// The calls of one of two ways before it is the turn of the other: few, so that both run at the same pace of the machine.
const TURN: u32 = 20;

/// Returns the microseconds per call of two ways, on one thread.
fn in_turn(one: impl Fn(), other: impl Fn()) -> (f64, f64) {
    let turn = |call: &dyn Fn()| {
        let start = Instant::now();
        (0..TURN).for_each(|_| call());
        start.elapsed()
    };
    let (mut spent, mut turns) = ((Duration::ZERO, Duration::ZERO), 0);
    while spent.0 + spent.1 < 2 * TIME {
        spent = (spent.0 + turn(&one), spent.1 + turn(&other));
        turns += 1;
    }
    let micros = |spent: Duration| 1e6 * spent.as_secs_f64() / f64::from(turns * TURN);
    (micros(spent.0), micros(spent.1))
}

fn calls_within(time: Duration, call: impl Fn()) -> f64 {
    let start = Instant::now();
    let mut calls = 0_u32;
    while start.elapsed() < time {
        call();
        calls += 1;
    }
    1e6 * start.elapsed().as_secs_f64() / f64::from(calls)
}

/// Returns the review with copies of the set's containers, until it has [`LARGE`] bytes.
fn enlarged(body: &[u8]) -> Result<Vec<u8>> {
    let mut review: Value = serde_json::from_slice(body)?;
    let pod = "/request/object/spec/template/spec/containers";
    let containers =
        review.pointer_mut(pod).and_then(Value::as_array_mut).context("the review has no containers")?;
    let (models, mut size) = (containers.clone(), body.len());
    for number in 0.. {
        let Some(mut copy) = models.get(number % models.len()).cloned().filter(|_| size < LARGE) else {
            break;
        };
        copy["name"] = format!("copy-{number}").into();
        size += copy.to_string().len();
        containers.push(copy);
    }
    Ok(serde_json::to_vec(&review)?)
}
