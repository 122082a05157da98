//! What an audit costs grows with the number of objects, and what it keeps does not.
//!
//! The cost is counted in allocations: each key, holding and finding is some, so that a cost that grew with the square of the
//! objects would show, on any machine. `crates/engine/tests/cost.rs` counts the instructions of one review.

use ordinance::admission::Admission;
use ordinance::audit::Auditor;
use ordinance::limits::Limits;
use ordinance_engine::{Engine, Policy};
use ordinance_manifests::{Manifest, parse};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The numbers of objects that are compared.
const OBJECTS: [usize; 2] = [300, 1_500];

/// How much more an object may cost among the larger number. What is quadratic costs five times as much.
const GROWTH: f64 = 1.3;

/// The bytes that an audit may keep for an object in which it finds nothing.
const KEPT_BYTES: usize = 64;

/// A cluster, as the object at a position.
type Shape = (&'static str, fn(usize) -> Value);

/// Clusters of several shapes, each with one thing in great number.
const SHAPES: [Shape; 6] = [
    ("volumes in directories of their own", |at| volume(at, &format!("/srv/{at}"))),
    ("volumes below each other", |at| {
        volume(at, if at == 0 { "/".to_owned() } else { format!("/srv/{at}") }.as_str())
    }),
    ("volumes in one directory", |at| volume(at, "/srv")),
    ("pairs of volumes", |at| volume(at, &format!("/srv/{}", at / 2))),
    ("sets of one namespace that share claims", |at| set(at, json!({}), "pages")),
    ("isolated sets and their claims", |at| match at % 2 {
        0 => set(at, json!({"subPathExpr": "$(ORDINANCE_POD_NAME)"}), ""),
        _ => claim(at - 1),
    }),
];

fn volume(at: usize, path: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("pv-{at:05}"), "uid": "u"},
        "spec": {"accessModes": ["ReadWriteMany"], "nfs": {"server": "nas", "path": path}}})
}

fn set(at: usize, mount: Value, claim: &str) -> Value {
    let mut mount = mount;
    (mount["name"], mount["mountPath"]) = ("data".into(), "/data".into());
    let variable =
        json!({"name": "ORDINANCE_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    let mut set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"replicas": 2, "template": {"spec": {
        "containers": [{"name": "app", "volumeMounts": [mount], "env": [variable]}]}}},
        "metadata": {"name": format!("set-{at:05}"), "namespace": "shop", "uid": "u"}});
    if claim.is_empty() {
        set["spec"]["volumeClaimTemplates"] =
            json!([{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteMany"]}}]);
    } else {
        set["spec"]["template"]["spec"]["volumes"] =
            json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
    }
    set
}

fn claim(set: usize) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"accessModes": ["ReadWriteMany"]},
        "metadata": {"name": format!("data-set-{set:05}-0"), "namespace": "shop", "uid": "u",
            "annotations": {"ordinance.dev/sub-path": "$(ORDINANCE_POD_NAME)"}}})
}

/// What the audit of a cluster costs.
#[derive(Debug)]
struct AuditCost {
    /// The allocations for each object, to enter it into the index and to audit it.
    allocations: f64,
    /// The objects with a finding.
    found: usize,
    /// The bytes that the audits take in the end.
    kept: isize,
}

fn cost(shape: fn(usize) -> Value, count: usize, policy: &Arc<Policy>) -> AuditCost {
    let objects: Vec<Manifest> =
        (0..count).map(|at| parse(&shape(at).to_string(), 1, "default").expect("an object")).collect();
    let limits = Limits::default();
    let admission = Admission::new(Arc::clone(policy), &limits).with_summaries();
    let filling = Region::new(ALLOCATOR);
    let stored = objects.iter().map(|object| (object.scope.borrowed(), &object.json));
    assert_eq!(admission.fill(stored).expect("room"), []);
    let filled = filling.change().allocations;
    let auditor = Auditor { admission: &admission, enforcing: &admission, deadline: limits.deadline };
    let auditing = Region::new(ALLOCATOR);
    let mut found = Vec::new();
    for object in &objects {
        let audit = auditor.audit(object);
        assert_eq!(audit.reason_without_answer(), None);
        if !audit.is_clean() {
            found.push(audit);
        }
    }
    let change = auditing.change();
    AuditCost {
        allocations: (filled + change.allocations) as f64 / count as f64,
        found: found.len(),
        kept: change.bytes_allocated as isize - change.bytes_deallocated as isize,
    }
}

#[test]
fn an_object_costs_no_more_in_a_large_cluster_than_in_a_small_one() {
    let engine = Engine::new(Limits::default().engine()).expect("an engine");
    let policy = Arc::new(Policy::built_in(&engine, "").expect("the policy"));
    let mut faults = Vec::new();
    // The first reviews make what all of them share.
    cost(SHAPES[0].1, OBJECTS[0], &policy);
    for (name, shape) in SHAPES {
        let [small, large] = OBJECTS.map(|count| cost(shape, count, &policy));
        println!(
            "{:>6.0} {:>6.0} {:>6} {:>9} {name}",
            small.allocations, large.allocations, large.found, large.kept
        );
        if large.allocations > GROWTH * small.allocations {
            faults.push(format!("{name}: {small:?}, then {large:?}"));
        }
        let clean = OBJECTS[1] - large.found;
        if large.found == 0 && large.kept > (clean * KEPT_BYTES) as isize {
            faults.push(format!("{name}: an audit without findings keeps {large:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
