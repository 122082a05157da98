//! The audit in the background: which replica audits, what it lists and shows, and what an error changes.

use crate::logs;
use crate::replica::{Replica, VOLUMES, api, config, named, numbered, unreadable};
use ordinance::admission::Admission;
use ordinance::cluster::{AuditLease, AuditSchedule, AuditTask, AuditedPolicy, BackgroundAudit, Reporting};
use ordinance::limits::Limits;
use ordinance_audit::EnforcedSettings;
use ordinance_engine::{Engine, Policy};
use ordinance_testkit::apiserver::{ApiServer, ScriptedAnswer, Verb};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub const LEASES: &str = "leases";
pub const CLASSES: &str = "storageclasses";
const LEASE: &str = "ordinance-audit";

/// The pause between two audits, and between two renewals of the Lease.
pub const SHORT: Duration = Duration::from_millis(20);

/// The pause after an audit that is the only one.
pub const LONG: Duration = Duration::from_secs(3600);

/// Returns an API server with Leases and these volumes.
pub fn api_with_leases(volumes: impl IntoIterator<Item = Value>) -> Arc<ApiServer> {
    let api = api(volumes);
    api.serve_group("coordination.k8s.io/v1", &[LEASES]);
    api
}

/// Starts an audit in a replica.
pub async fn audit(replica: &Replica, identity: &str, interval: Duration) -> BackgroundAudit {
    let policy = audited(replica, &replica.admission, None);
    audit_with(replica, policy, identity, interval, Reporting::On).await
}

/// Returns the policy of an audit.
fn audited(replica: &Replica, served: &Admission, enforcing: Option<Arc<Policy>>) -> AuditedPolicy {
    let (settings, deadline) = (EnforcedSettings::EnforceMode, Limits::default().deadline);
    let route = replica.host.metrics.route("storage");
    AuditedPolicy::new("storage", served, enforcing, settings, deadline, route)
}

/// Starts an audit without reports in a replica.
pub async fn audit_without_reports(replica: &Replica) -> BackgroundAudit {
    let policy = audited(replica, &replica.admission, None);
    audit_with(replica, policy, "a", LONG, Reporting::Off).await
}

async fn audit_with(
    replica: &Replica,
    policy: AuditedPolicy,
    identity: &str,
    interval: Duration,
    reports: Reporting,
) -> BackgroundAudit {
    let task = AuditTask {
        policies: vec![policy],
        freshness: replica.watches.clone(),
        schedule: AuditSchedule { first: Duration::ZERO, interval, lease_poll: SHORT },
        lease: AuditLease {
            namespace: "default".to_owned(),
            name: LEASE.to_owned(),
            identity: identity.to_owned(),
        },
        metrics: replica.host.metrics.audit(),
        reports,
    };
    BackgroundAudit::start(config(&replica.api).await, task).unwrap()
}

/// Returns a Lease that this replica holds.
fn lease(holder: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": LEASE, "namespace": "default"},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 60},
    })
}

pub async fn until_shown(replica: &Replica) {
    replica.until("complete audit", |replica| replica.series("audit_timestamp_seconds", &[]).is_some()).await;
}

fn findings(replica: &Replica, rule: &str, severity: &str) -> f64 {
    replica.metric("audit_findings", &[("policy", "storage"), ("rule", rule), ("severity", severity)])
}

fn refused(replica: &Replica, operation: &str) -> f64 {
    replica.metric("audit_would_refuse_objects", &[("policy", "storage"), ("operation", operation)])
}

fn objects(replica: &Replica, resource: &str) -> f64 {
    replica.metric("audit_objects", &[("policy", "storage"), ("resource", resource)])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_shows_what_it_finds_and_what_would_be_refused() {
    let api = api_with_leases([named("pv-a", "/srv"), named("pv-b", "/srv"), named("pv-other", "/other")]);
    api.put(CLASSES, json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "nfs", "uid": "u"}, "provisioner": "example.com/nfs"}));
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", LONG).await;
    until_shown(&replica).await;
    assert_eq!(findings(&replica, "shared-export", "deny"), 2.0);
    assert_eq!((objects(&replica, VOLUMES), objects(&replica, CLASSES)), (3.0, 1.0));
    assert_eq!(refused(&replica, "CREATE"), 2.0);
    assert_eq!(replica.policy_metric("audit_unreadable_objects"), 0);
    let line = logs::line(&["audited; is it safe to enforce? Not yet.", "2 of 4 stored objects"]).unwrap();
    assert!(line.starts_with("INFO") && line.contains("deny=2"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_mode_warn_denials_are_put_off_and_what_enforce_would_refuse_is_counted() {
    let api = api_with_leases([named("pv-a", "/srv"), named("pv-b", "/srv")]);
    let replica = Replica::current(&api).await;
    let engine = Engine::new(Limits::default().engine()).unwrap();
    let warning = Arc::new(Policy::built_in(&engine, r#"{"mode":"Warn"}"#).unwrap());
    let served = replica.admission.auditing(warning);
    let policy = audited(&replica, &served, Some(Arc::clone(replica.admission.policy())));
    let _audit = audit_with(&replica, policy, "a", LONG, Reporting::On).await;
    until_shown(&replica).await;
    assert_eq!(findings(&replica, "shared-export", "deny"), 0.0);
    assert_eq!(findings(&replica, "shared-export", "would-deny"), 2.0);
    assert_eq!(refused(&replica, "CREATE"), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_lists_nothing_and_shows_nothing_until_the_lease_is_free() {
    let api = api_with_leases([numbered(1)]);
    api.put(LEASES, lease("another"));
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", LONG).await;
    tokio::task::block_in_place(|| api.await_requests(LEASES, Verb::Get, 3));
    assert_eq!(replica.series("audit_timestamp_seconds", &[]), None);
    assert_eq!(api.requests(CLASSES), []);
    api.put(LEASES, lease(""));
    until_shown(&replica).await;
    assert_eq!(objects(&replica, VOLUMES), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_loses_the_lease_shows_nothing_any_more() {
    let api = api_with_leases([numbered(1)]);
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", LONG).await;
    until_shown(&replica).await;
    api.put(LEASES, lease("another"));
    replica.until("hidden audit", |replica| replica.series("audit_timestamp_seconds", &[]).is_none()).await;
    assert_eq!(replica.series("audit_objects", &[("policy", "storage"), ("resource", VOLUMES)]), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_leader_releases_the_lease() {
    let api = api_with_leases([]);
    let (first, second) = (Replica::current(&api).await, Replica::current(&api).await);
    let leader = audit(&first, "a", LONG).await;
    until_shown(&first).await;
    let _follower = audit(&second, "b", LONG).await;
    leader.stop().await;
    assert_eq!(first.series("audit_timestamp_seconds", &[]), None);
    until_shown(&second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_each_resource_once_in_pages_of_the_latest_state() {
    let api = api_with_leases((0..1_201).map(numbered));
    let replica = Replica::current(&api).await;
    let before = api.requests(VOLUMES).len();
    let _audit = audit(&replica, "a", LONG).await;
    until_shown(&replica).await;
    assert_eq!(objects(&replica, VOLUMES), 1_201.0);
    let pages = &api.requests(VOLUMES)[before..];
    assert_eq!(pages.len(), 3, "{pages:?}");
    assert!(pages.iter().all(|page| page.limit == Some(500) && page.version.is_none()), "{pages:?}");
    assert_eq!(api.requests(CLASSES).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_objects_that_the_policy_can_not_read_and_parts_that_are_no_object() {
    let api = api_with_leases([numbered(1), unreadable("pv-bad")]);
    api.put_text(VOLUMES, "x", "[7]");
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", LONG).await;
    until_shown(&replica).await;
    assert_eq!(replica.policy_metric("audit_unreadable_objects"), 2);
    assert_eq!(objects(&replica, VOLUMES), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_fails_is_counted_and_the_last_complete_audit_stays() {
    let api = api_with_leases([numbered(1)]);
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", SHORT).await;
    until_shown(&replica).await;
    api.script(CLASSES, Verb::List, ScriptedAnswer::Status(403));
    let gate = api.hold(CLASSES, Verb::List);
    let failures = |replica: &Replica| replica.metric("audit_failures_total", &[("cause", "forbidden")]);
    replica.until("failed audit", |replica| failures(replica) == 1.0).await;
    assert_eq!(objects(&replica, VOLUMES), 1.0);
    let remedy = "can't list storageclasses.storage.k8s.io: forbidden; let this user list";
    assert!(logs::line(&["WARN", "the audit did not end", remedy]).is_some());
    api.put(VOLUMES, numbered(2));
    drop(gate);
    replica.until("next audit", |replica| objects(replica, VOLUMES) == 2.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_waits_for_a_current_index() {
    let api = api_with_leases([named("pv-a", "/srv"), named("pv-b", "/srv")]);
    let gate = api.hold(VOLUMES, Verb::List);
    let replica = Replica::start(&api).await;
    let _audit = audit(&replica, "a", LONG).await;
    tokio::task::block_in_place(|| api.await_requests(LEASES, Verb::Patch, 2));
    assert_eq!(api.requests(CLASSES), []);
    drop(gate);
    until_shown(&replica).await;
    assert_eq!(findings(&replica, "shared-export", "deny"), 2.0);
}
