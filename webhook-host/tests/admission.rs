//! The index of admitted objects, with the built-in policy and PersistentVolumes.

use ordinance::admission::{Admission, Freshness, ObservedObject, UnreadableObject};
use ordinance::clock::Clock;
use ordinance::judge::Judge;
use ordinance::limits::Limits;
use ordinance::metrics::Metrics;
use ordinance_contract::{Operation, Phase, Request, Scope, Verdict};
use ordinance_engine::Failure;
use ordinance_engine::{Engine, Policy};
use serde_json::json;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

fn admission(limits: &Limits) -> Admission {
    let engine = Engine::new(limits.engine()).expect("an engine");
    let policy = Policy::built_in(&engine, "").expect("the built-in policy");
    Admission::new(policy, limits)
}

fn volume(name: &str, path: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteMany"], "nfs": {"server": "nas.example.com", "path": path}}
    })
}

fn scope(name: &str) -> Scope<'static> {
    Scope {
        version: "v1".into(),
        resource: "persistentvolumes".into(),
        name: name.to_owned().into(),
        ..Scope::default()
    }
}

/// Returns a validating review of a creation.
fn create(name: &str, path: &str) -> Request<'static> {
    Request {
        operation: Operation::Create,
        phase: Phase::Validate,
        scope: scope(name),
        kind: "PersistentVolume".into(),
        dry_run: false,
        user_info: "".into(),
        object: Some(volume(name, path).to_string().into()),
        old_object: None,
    }
}

fn delete(name: &str) -> Request<'static> {
    let Request { object, .. } = create(name, "/srv/www");
    Request { operation: Operation::Delete, object: None, old_object: object, ..create(name, "/srv/www") }
}

fn judge(admission: &Admission, request: &Request<'_>) -> Result<Verdict, Failure> {
    admission.judge(request, Instant::now() + Duration::from_secs(60))
}

fn allows(admission: &Admission, request: &Request<'_>) -> bool {
    judge(admission, request).expect("a verdict").is_allowed()
}

#[test]
fn an_admitted_object_holds_its_keys() {
    let admission = admission(&Limits::default());
    assert!(allows(&admission, &create("pv", "/srv/www")));
    assert!(!allows(&admission, &create("pv2", "/srv/www/")));
    assert!(allows(&admission, &create("pv2", "/srv/www2")));
    assert_eq!(admission.remembered(), 2);
}

#[test]
fn an_object_does_not_conflict_with_itself() {
    let admission = admission(&Limits::default());
    assert!(allows(&admission, &create("pv", "/srv/www")));
    assert!(allows(&admission, &create("pv", "/srv/www")));
}

#[test]
fn mutating_reviews_and_dry_runs_are_not_remembered() {
    let admission = admission(&Limits::default());
    assert!(allows(&admission, &Request { phase: Phase::Mutate, ..create("pv", "/srv/www") }));
    assert!(allows(&admission, &Request { dry_run: true, ..create("pv", "/srv/www") }));
    assert_eq!(admission.remembered(), 0);
}

#[test]
fn a_deleted_object_loses_its_keys() {
    let admission = admission(&Limits::default());
    assert!(allows(&admission, &create("pv", "/srv/www")));
    assert!(allows(&admission, &Request { dry_run: true, ..delete("pv") }));
    assert!(!allows(&admission, &create("pv2", "/srv/www")));
    assert!(allows(&admission, &delete("pv")));
    assert!(allows(&admission, &create("pv2", "/srv/www")));
}

#[test]
fn a_deletion_without_a_name_takes_it_from_the_old_object() {
    let admission = admission(&Limits::default());
    assert!(allows(&admission, &create("pv", "/srv/www")));
    assert!(allows(&admission, &Request { scope: scope(""), ..delete("pv") }));
    assert_eq!(admission.remembered(), 0);
}

#[test]
fn removing_the_last_finalizer_of_a_deleted_object_frees_its_keys() {
    let admission = admission(&Limits::default());
    assert!(allows(&admission, &create("pv", "/srv/www")));
    let mut going = volume("pv", "/srv/www");
    going["metadata"]["deletionTimestamp"] = "2026-11-25T00:00:00Z".into();
    going["metadata"]["finalizers"] = json!(["kubernetes.io/pv-protection"]);
    let update = |new: &serde_json::Value| Request {
        operation: Operation::Update,
        object: Some(new.to_string().into()),
        old_object: Some(going.to_string().into()),
        ..create("pv", "/srv/www")
    };
    assert!(allows(&admission, &update(&going)));
    assert_eq!(admission.remembered(), 1);
    let mut gone = going.clone();
    gone["metadata"]["finalizers"] = json!([]);
    assert!(allows(&admission, &update(&gone)));
    assert_eq!(admission.remembered(), 0);
}

#[test]
fn refuses_an_object_without_room_in_the_index() {
    let admission = admission(&Limits { remembered_objects: 1, ..Limits::default() });
    assert!(allows(&admission, &create("pv", "/srv/a")));
    assert_eq!(judge(&admission, &create("pv2", "/srv/b")), Err(Failure::Full { limit: 1 }));
    assert!(allows(&admission, &create("pv", "/srv/a")), "a remembered object needs no room");
}

#[test]
fn refuses_an_object_whose_keys_exceed_the_bytes_of_the_index() {
    let limit = 700;
    let admission = admission(&Limits { index_bytes: limit, ..Limits::default() });
    assert!(allows(&admission, &create("pv", "/srv/a")));
    assert_eq!(judge(&admission, &create("pv2", "/srv/b")), Err(Failure::IndexFull { limit }));
    assert!(allows(&admission, &create("pv", "/srv/a")), "a remembered object needs no room");
}

#[derive(Debug)]
struct Current;

impl Freshness for Current {
    fn is_current(&self) -> bool {
        true
    }
}

/// Returns the validating review of a set that mounts a claim of its namespace at a sub-path.
fn create_set(namespace: &'static str) -> Request<'static> {
    let mount = json!({"name": "data", "mountPath": "/data", "subPathExpr": "$(ORDINANCE_POD_NAME)"});
    let env =
        json!({"name": "ORDINANCE_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    let template = json!({"spec": {
        "containers": [{"name": "app", "image": "app", "env": [env], "volumeMounts": [mount]}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "shared"}}],
    }});
    let object = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": namespace},
        "spec": {"replicas": 2, "serviceName": "web", "template": template},
    });
    let scope = Scope {
        group: "apps".into(),
        resource: "statefulsets".into(),
        namespace: namespace.into(),
        ..scope("web")
    };
    Request {
        scope,
        kind: "StatefulSet".into(),
        object: Some(object.to_string().into()),
        ..create("web", "/")
    }
}

/// Enters claims of a namespace and one volume, as a list of this round does.
fn list(admission: &Admission, namespace: &'static str, claims: usize, round: u32) {
    let claim = |number: usize| {
        let name = format!("claim-{number}");
        let json = json!({"metadata": {"name": name, "namespace": namespace, "uid": "u"}}).to_string();
        let resource = "persistentvolumeclaims".into();
        (Scope { resource, namespace: namespace.into(), ..scope(&name) }, json)
    };
    let volume = (scope("pv"), volume("pv", "/srv").to_string());
    let objects: Vec<_> = (0..claims).map(claim).chain([volume]).collect();
    let observed = objects.iter().map(|(scope, json)| ObservedObject {
        scope: scope.clone(),
        uid: "u",
        version: Some(1),
        json,
    });
    admission.observe(observed, round).expect("an index");
    for watch in &admission.policy().description().watches {
        admission.sweep(watch, round).expect("an index");
    }
}

#[test]
fn a_namespace_whose_objects_have_no_room_gets_no_verdict_and_others_do() {
    let limit = 8_000;
    let limits = Limits { index_bytes: limit, ..Limits::default() };
    let metrics = Metrics::new();
    let admission = admission(&limits).with_metrics(metrics.index("storage")).with_cluster(
        Arc::new(Current),
        Clock::default(),
        limits.pending_time,
    );
    list(&admission, "team", 5, 1);
    assert!(allows(&admission, &create_set("team")));
    list(&admission, "team", 50, 2);
    assert_eq!(judge(&admission, &create_set("team")), Err(Failure::IndexFull { limit }));
    assert!(allows(&admission, &create_set("other")));
    assert!(!allows(&admission, &create("pv2", "/srv")), "a volume is never left out");
    list(&admission, "team", 5, 3);
    assert!(allows(&admission, &create_set("team")), "a complete list had room for all");
    let text = metrics.text();
    let left_out =
        "ordinance_index_left_out_objects_total{policy=\"storage\",resource=\"persistentvolumeclaims\"} ";
    assert!(text.lines().any(|line| line.starts_with(left_out)), "{text}");
    assert!(
        text.lines().any(|line| line == "ordinance_index_limit_bytes{policy=\"storage\"} 8000"),
        "{text}"
    );
}

#[test]
fn an_object_in_too_many_realms_is_refused() {
    let admission = admission(&Limits::default());
    let mut request = create_set("team");
    let mut object: serde_json::Value = serde_json::from_str(request.object.as_deref().unwrap()).unwrap();
    let server = |number: usize| format!("nas-{number}.example.com");
    let volume =
        |number| json!({"name": format!("v{number}"), "nfs": {"server": server(number), "path": "/"}});
    let mount = |number: usize| json!({"name": format!("v{number}"), "mountPath": format!("/{number}"), "readOnly": true});
    let spec = &mut object["spec"]["template"]["spec"];
    spec["volumes"] = (0..100).map(volume).collect();
    spec["containers"][0]["volumeMounts"] = (0..100).map(mount).collect();
    request.object = Some(object.to_string().into());
    let outcome = judge(&admission, &request);
    assert!(matches!(&outcome, Err(Failure::Keys(reason)) if reason.contains("16384")), "{outcome:?}");
    assert_eq!(admission.remembered(), 0);
}

#[test]
fn fill_remembers_readable_objects_and_returns_the_others() {
    let admission = admission(&Limits::default());
    let existing = volume("pv", "/srv/www").to_string();
    let node = Scope { resource: "nodes".into(), ..scope("node") };
    let objects = [(scope("pv"), existing.as_str()), (scope("broken"), "{"), (node, "{}")];
    let unreadable = admission.fill(objects).expect("there is room");
    let objects: Vec<Scope<'static>> =
        unreadable.into_iter().map(|UnreadableObject { object, .. }| object).collect();
    assert_eq!(objects, [scope("broken")]);
    assert_eq!(admission.remembered(), 1);
    assert!(!allows(&admission, &create("pv2", "/srv/www")));
}

/// Returns a set that mounts the root of the server without a claim, at many mounts with sub-paths of its own.
fn mounting_set(number: usize) -> (Scope<'static>, String) {
    let name = format!("set-{number:04}");
    let set = json!({
        "metadata": {"name": name},
        "spec": {"replicas": 1, "template": {"spec": {
            "containers": [{"name": "app", "volumeMounts": [{"name": "media", "mountPath": "/media", "subPath": name}]}],
            "volumes": [{"name": "media", "nfs": {"server": "nas.example.com", "path": "/"}}],
        }}},
    });
    let scope = Scope {
        group: "apps".into(),
        version: "v1".into(),
        resource: "statefulsets".into(),
        namespace: "media".into(),
        name: name.into(),
        ..Scope::default()
    };
    (scope, set.to_string())
}

#[test]
fn sets_that_mount_the_root_of_a_server_block_none_of_its_volumes() {
    let limits = Limits::default();
    let admission = admission(&limits);
    let sets = 4 * limits.holdings;
    admission.fill((0..sets).map(mounting_set)).expect("room for all");
    let verdict = judge(&admission, &create("pv", "/srv/www")).expect("a verdict");
    let facts: Vec<&str> = verdict.findings.iter().map(|finding| &*finding.fact).collect();
    assert!(verdict.is_allowed() && facts.len() == 1, "{facts:?}");
    let more = format!("StatefulSet \"media/set-0000\" (/) and {} more", sets - 1);
    assert!(facts[0].contains(&more), "{facts:?}");
}

#[test]
fn admits_exactly_one_of_concurrent_overlapping_objects() {
    const ROUNDS: usize = 100;
    const RACERS: usize = 4;
    let admission = admission(&Limits::default());
    let start = Barrier::new(RACERS);
    let run = |racer: usize| {
        let admitted = |round: &usize| {
            let request = create(&format!("pv-{round}-{racer}"), &format!("/srv/{round}"));
            start.wait();
            allows(&admission, &request)
        };
        (0..ROUNDS).filter(admitted).count()
    };
    let admitted: usize = std::thread::scope(|threads| {
        let racers: Vec<_> = (0..RACERS).map(|racer| threads.spawn(move || run(racer))).collect();
        racers.into_iter().map(|racer| racer.join().expect("no panic")).sum()
    });
    assert_eq!(admitted, ROUNDS);
    assert_eq!(admission.remembered(), ROUNDS);
}
