//! The reports of the audit in the background: for which objects, of which kind, and when they are written and deleted.

use crate::audit::{CLASSES, LONG, SHORT, api_with_leases, audit, audit_without_reports, until_shown};
use crate::logs;
use crate::replica::{Replica, SETS, VOLUMES, named};
use ordinance_testkit::apiserver::{ApiServer, ScriptedAnswer, Verb};
use serde_json::{Value, json};
use std::sync::Arc;

const OPEN_REPORTS: &str = "openreports.io/v1alpha1";
const REPORTS: &str = "reports";
const CLUSTER_REPORTS: &str = "clusterreports";
const POLICY_REPORTS: &str = "wgpolicyk8s.io/v1alpha2";
const CLUSTER_POLICY_REPORTS: &str = "clusterpolicyreports";

/// Returns an API server with OpenReports and two volumes of one export.
fn api_with_reports() -> Arc<ApiServer> {
    let api = api_with_leases([named("pv-a", "/srv"), named("pv-b", "/srv"), named("pv-other", "/other")]);
    api.serve_group(OPEN_REPORTS, &[REPORTS, CLUSTER_REPORTS]);
    api
}

async fn until_reports(replica: &Replica, outcome: &str, count: f64) {
    let counted = |replica: &Replica| replica.metric("audit_reports_total", &[("outcome", outcome)]);
    replica.until(&format!("{count} reports {outcome}"), |replica| counted(replica) == count).await;
}

/// Waits until this number of further audits has begun.
async fn until_audits(api: &Arc<ApiServer>, count: usize) {
    let before = api.requests(CLASSES).len();
    tokio::task::block_in_place(|| api.await_requests(CLASSES, Verb::List, before + count));
}

fn writes(api: &ApiServer, resource: &str) -> usize {
    api.requests(resource).iter().filter(|request| request.verb == Verb::Patch).count()
}

/// Returns a set whose replicas share the files of one claim.
fn sharing_set() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "web", "namespace": "shop", "uid": "uid-of-web"},
        "spec": {
            "replicas": 2, "serviceName": "web", "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [{"name": "web", "image": "web", "volumeMounts": [{"name": "www", "mountPath": "/www"}]}],
                    "volumes": [{"name": "www", "persistentVolumeClaim": {"claimName": "www"}}],
                },
            },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_object_with_findings_has_a_report_beside_it() {
    let api = api_with_reports();
    api.serve_group(POLICY_REPORTS, &["policyreports", CLUSTER_POLICY_REPORTS]);
    api.put(SETS, sharing_set());
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", LONG).await;
    until_reports(&replica, "Written", 3.0).await;
    let of_volumes = api.objects(CLUSTER_REPORTS);
    let names: Vec<_> = of_volumes.iter().map(|report| &report["metadata"]["name"]).collect();
    assert_eq!(names, ["ordinance-uid-of-pv-a", "ordinance-uid-of-pv-b"]);
    let owner =
        json!([{"apiVersion": "v1", "kind": "PersistentVolume", "name": "pv-a", "uid": "uid-of-pv-a"}]);
    assert_eq!(of_volumes[0]["metadata"]["ownerReferences"], owner);
    assert_eq!(of_volumes[0]["metadata"]["labels"], json!({"app.kubernetes.io/managed-by": "ordinance"}));
    let result = &of_volumes[0]["results"][0];
    assert_eq!((&result["rule"], &result["result"]), (&json!("shared-export"), &json!("fail")));
    assert!(result["message"].as_str().unwrap().contains("pv-b"), "{result}");
    let [of_set] = &api.objects(REPORTS)[..] else { panic!("one report: {:?}", api.objects(REPORTS)) };
    assert_eq!((&of_set["metadata"]["namespace"], &of_set["scope"]["name"]), (&json!("shop"), &json!("web")));
    assert_eq!(api.requests(CLUSTER_POLICY_REPORTS), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_policy_reports_where_only_those_are_installed() {
    let api = api_with_leases([named("pv-a", "/srv"), named("pv-b", "/srv")]);
    api.serve_group(POLICY_REPORTS, &["policyreports", CLUSTER_POLICY_REPORTS]);
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", LONG).await;
    until_reports(&replica, "Written", 2.0).await;
    let report = &api.objects(CLUSTER_POLICY_REPORTS)[0];
    assert_eq!((&report["kind"], &report["source"]), (&json!("ClusterPolicyReport"), &Value::Null));
    assert_eq!(report["results"][0]["source"], "ordinance");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_report_is_written_where_no_kind_is_installed() {
    let api = api_with_leases([named("pv-a", "/srv"), named("pv-b", "/srv")]);
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", LONG).await;
    until_shown(&replica).await;
    for resource in [REPORTS, CLUSTER_REPORTS, CLUSTER_POLICY_REPORTS] {
        assert_eq!(api.requests(resource), [], "{resource}");
    }
    assert!(logs::line(&["INFO", "no reports are written", "reports.openreports.io"]).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_report_is_written_or_read_if_they_are_switched_off() {
    let api = api_with_reports();
    let replica = Replica::current(&api).await;
    let _audit = audit_without_reports(&replica).await;
    until_shown(&replica).await;
    assert_eq!((api.requests(CLUSTER_REPORTS), api.requests("")), (Vec::new(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_written_once_and_again_if_its_findings_change() {
    let api = api_with_reports();
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", SHORT).await;
    until_reports(&replica, "Written", 2.0).await;
    until_audits(&api, 3).await;
    assert_eq!(writes(&api, CLUSTER_REPORTS), 2);
    api.put(VOLUMES, named("pv-c", "/srv"));
    until_reports(&replica, "Written", 5.0).await;
    assert_eq!(api.objects(CLUSTER_REPORTS).len(), 3);
    until_audits(&api, 3).await;
    assert_eq!(writes(&api, CLUSTER_REPORTS), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_deleted_with_the_findings_and_those_of_others_stay() {
    let api = api_with_reports();
    let of_another = json!({
        "apiVersion": OPEN_REPORTS, "kind": "ClusterReport",
        "metadata": {"name": "another", "labels": {"app.kubernetes.io/managed-by": "kyverno"}},
    });
    api.put(CLUSTER_REPORTS, of_another);
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", SHORT).await;
    until_reports(&replica, "Written", 2.0).await;
    api.delete(VOLUMES, "pv-b");
    until_reports(&replica, "Deleted", 2.0).await;
    assert_eq!(api.names(CLUSTER_REPORTS), ["another"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_does_not_end_deletes_no_report() {
    let api = api_with_reports();
    let replica = Replica::current(&api).await;
    let first = audit(&replica, "a", LONG).await;
    until_reports(&replica, "Written", 2.0).await;
    first.stop().await;
    api.script(VOLUMES, Verb::List, ScriptedAnswer::Status(500));
    let _second = audit(&replica, "b", LONG).await;
    let failed = |replica: &Replica| replica.metric("audit_failures_total", &[("cause", "status")]);
    replica.until("failed audit", |replica| failed(replica) == 1.0).await;
    assert_eq!(api.objects(CLUSTER_REPORTS).len(), 2);
    assert_eq!(replica.metric("audit_reports_total", &[("outcome", "Deleted")]), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_report_is_counted_and_logged_with_the_way_out() {
    let api = api_with_reports();
    api.script(CLUSTER_REPORTS, Verb::Patch, ScriptedAnswer::Status(403));
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", LONG).await;
    until_reports(&replica, "Written", 1.0).await;
    until_reports(&replica, "Failed", 1.0).await;
    assert!(
        logs::line(&["WARN", "can't write a report; let this user list, create, patch and delete"]).is_some()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_written_if_the_api_server_lists_them_at_the_second_attempt() {
    let api = api_with_reports();
    api.script(REPORTS, Verb::List, ScriptedAnswer::Status(429));
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", LONG).await;
    until_reports(&replica, "Written", 2.0).await;
    assert_eq!(replica.metric("audit_reports_total", &[("outcome", "Failed")]), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_without_the_right_to_list_reports_shows_its_figures() {
    let api = api_with_reports();
    api.script(REPORTS, Verb::List, ScriptedAnswer::Status(403));
    let replica = Replica::current(&api).await;
    let _audit = audit(&replica, "a", LONG).await;
    until_shown(&replica).await;
    assert_eq!(writes(&api, CLUSTER_REPORTS), 0);
    until_reports(&replica, "Failed", 1.0).await;
}
