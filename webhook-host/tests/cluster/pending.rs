//! An admitted object counts until a watch reports it, or until the API server can't store it any more.

use crate::files::creation;
use crate::replica::{CLAIMS, Replica, SETS, VOLUMES, named};
use ordinance::limits::Limits;
use serde_json::{Value, json};
use std::time::Duration;

/// How long an admitted object counts.
const PENDING_TIME: Duration = Duration::from_secs(75);

impl Replica {
    /// Sends a bookmark on each watch, so that the index is current.
    async fn refresh(&self) {
        [VOLUMES, SETS, CLAIMS].into_iter().for_each(|resource| self.api.bookmark(resource));
        self.until_current().await;
    }

    /// Returns how often the API server was asked about an admitted object, with this outcome.
    fn confirmations(&self, outcome: &str) -> usize {
        let labels = [("policy", "storage"), ("outcome", outcome)];
        self.metric("index_confirmations_total", &labels) as usize
    }

    fn pending(&self) -> usize {
        self.policy_metric("index_pending_objects")
    }
}

/// A request whose verdict depends on an object that the API server does not store yet.
async fn waits(replica: &Replica, object: &Value) -> bool {
    let reply = replica.validate(object).await;
    if reply.status == 503 {
        assert_eq!(reply.field("retry-after"), Some("1"));
    }
    reply.status == 503
}

/// Returns the same object with another uid.
fn with_uid(mut object: Value, uid: &str) -> Value {
    object["metadata"]["uid"] = uid.into();
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_an_admitted_object_until_the_object_expires() {
    let replica = Replica::with_volumes([]).await;
    assert!(replica.allows(&named("pv", "/srv")).await);
    assert_eq!(replica.pending(), 1);
    replica.clock.advance(PENDING_TIME - Duration::from_millis(1));
    assert!(waits(&replica, &named("pv2", "/srv")).await);
    replica.clock.advance(Duration::from_millis(1));
    assert!(replica.allows(&named("pv2", "/srv")).await);
    assert_eq!((replica.pending(), replica.policy_metric("index_forgotten_objects_total")), (1, 1));
    assert_eq!(replica.confirmations("Absent"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admitted_object_counts_once_the_api_server_stores_it() {
    let replica = Replica::with_volumes([]).await;
    assert!(replica.allows(&named("pv", "/srv")).await);
    replica.api.put_text(VOLUMES, "pv", &named("pv", "/srv").to_string());
    assert!(!replica.allows(&named("pv2", "/srv")).await);
    assert!(!replica.allows(&named("pv3", "/srv")).await, "known by now");
    assert_eq!((replica.confirmations("Stored"), replica.confirmations("Absent")), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_object_with_other_keys_does_not_confirm_an_admitted_state() {
    let replica = Replica::with_volumes([named("pv", "/other")]).await;
    assert!(replica.allows_update(&named("pv", "/other"), &named("pv", "/srv")).await);
    assert!(waits(&replica, &named("pv2", "/srv")).await);
    assert!(!replica.allows(&named("pv2", "/other")).await, "the stored state counts all along");
    replica.clock.advance(PENDING_TIME);
    replica.refresh().await;
    assert!(replica.allows(&named("pv2", "/srv")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_admission_does_not_prolong_the_first_whatever_its_uid() {
    let replica = Replica::with_volumes([]).await;
    assert!(replica.allows(&named("pv", "/srv")).await);
    for second in 1..=3 {
        replica.clock.advance(PENDING_TIME / 4);
        assert!(replica.allows(&with_uid(named("pv", "/srv"), &format!("uid-{second}"))).await);
    }
    replica.clock.advance(PENDING_TIME / 4);
    replica.refresh().await;
    assert!(replica.allows(&with_uid(named("pv", "/srv"), "late")).await);
    assert!(replica.allows(&named("pv2", "/srv")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_counts_again_once_a_watch_reports_it() {
    let replica = Replica::with_volumes([]).await;
    assert!(replica.allows(&named("pv", "/srv")).await);
    replica.clock.advance(PENDING_TIME);
    replica.refresh().await;
    assert!(replica.allows(&named("other", "/other")).await, "forgets the expired one");
    replica.api.put(VOLUMES, named("pv", "/srv"));
    replica.until_volumes(1).await;
    assert!(!replica.allows(&named("pv2", "/srv")).await);
    replica.api.delete(VOLUMES, "pv");
    replica.until_volumes(0).await;
    assert!(replica.allows(&with_uid(named("pv", "/srv"), "second")).await);
    assert!(waits(&replica, &named("pv2", "/srv")).await);
}

/// A client admits an object of another name whenever the last one expires.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_waits_for_longer_than_an_admitted_object_counts() {
    let replica = Replica::with_volumes([]).await;
    assert!(replica.allows(&named("fake-0", "/srv")).await);
    assert!(waits(&replica, &named("victim", "/srv")).await);
    replica.clock.advance(PENDING_TIME);
    replica.refresh().await;
    assert!(replica.allows(&named("fake-1", "/srv")).await);
    assert!(replica.allows(&named("victim", "/srv")).await);
    assert_eq!(replica.confirmations("GivenUp"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_admitted_objects_than_one_review_may_receive_refuse_nobody_for_longer() {
    let replica = Replica::with_volumes([]).await;
    for number in 0..=Limits::default().holdings {
        let mut fake = named(&format!("fake-{number}"), &format!("/srv/{number}"));
        fake["metadata"]["annotations"] = json!({"ordinance.dev/shared-with": format!("other-{number}")});
        assert!(replica.allows(&fake).await);
    }
    assert!(waits(&replica, &named("victim", "/srv")).await);
    replica.clock.advance(PENDING_TIME);
    replica.refresh().await;
    assert!(replica.allows(&named("victim", "/srv")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admitted_object_too_many_displaces_the_oldest() {
    let replica = Replica::with_volumes([]).await;
    let limit = Limits::default().pending_objects;
    for number in 0..=limit {
        replica.clock.advance(Duration::from_millis(1));
        assert!(replica.allows(&named(&format!("fake-{number}"), &format!("/srv/{number}"))).await);
    }
    assert_eq!((replica.pending(), replica.policy_metric("index_displaced_objects_total")), (limit, 1));
    assert!(replica.allows(&named("first", "/srv/0")).await);
    assert!(waits(&replica, &named("last", &format!("/srv/{limit}"))).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_in_a_review_is_not_remembered() {
    let replica = Replica::with_volumes([]).await;
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-web-0", "namespace": "shop", "annotations": {"ordinance.dev/sub-path": "."}},
        "spec": {"accessModes": ["ReadWriteMany"]},
    });
    let mut review = creation(&claim);
    review["request"]["resource"] = json!({"group": "", "version": "v1", "resource": CLAIMS});
    review["request"]["namespace"] = "shop".into();
    assert!(replica.review(&review).await.response()["allowed"].as_bool().unwrap());
    assert_eq!((replica.pending(), replica.objects(CLAIMS)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admitted_object_that_the_watch_reports_does_not_expire() {
    let replica = Replica::with_volumes([]).await;
    assert!(replica.allows(&named("pv", "/srv")).await);
    replica.api.put(VOLUMES, named("pv", "/srv"));
    replica.until("nothing pending", |replica| replica.pending() == 0).await;
    replica.clock.advance(2 * Limits::default().pending_time);
    replica.refresh().await;
    assert!(!replica.allows(&named("pv2", "/srv")).await);
    assert_eq!(replica.policy_metric("index_forgotten_objects_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_an_admitted_object_does_not_remove_it() {
    let replica = Replica::with_volumes([]).await;
    assert!(replica.allows(&named("pv", "/srv")).await);
    replica.api.send_error(VOLUMES, 410);
    replica.until("new list", |replica| replica.lists(VOLUMES, "expired") == 1).await;
    replica.api.await_watch(VOLUMES);
    replica.api.put(VOLUMES, named("other", "/other"));
    replica.until_volumes(1).await;
    assert!(waits(&replica, &named("pv2", "/srv")).await);
}

/// Returns a set with one replica that mounts a claim by this expression, or without one if it is empty.
fn set(expression: &str) -> Value {
    let mut mount = json!({"name": "data", "mountPath": "/data"});
    if !expression.is_empty() {
        mount["subPathExpr"] = expression.into();
    }
    let name = json!({"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": "shop", "uid": "web"},
        "spec": {"replicas": 1, "template": {"spec": {
            "containers": [{"name": "app", "volumeMounts": [mount], "env": [name]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "shared"}}],
        }}},
    })
}

fn set_review(operation: &str, subresource: &str, object: &Value, old: &Value) -> Value {
    let mut review = creation(object);
    let request = &mut review["request"];
    request["operation"] = operation.into();
    request["resource"] = json!({"group": "apps", "version": "v1", "resource": SETS});
    request["subResource"] = subresource.into();
    request["namespace"] = "shop".into();
    request["name"] = "web".into();
    request["oldObject"] = old.clone();
    review
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_set_does_not_block_the_scaling_of_the_stored_one() {
    let replica = Replica::with_volumes([]).await;
    replica.api.put(SETS, set("$(POD_NAME)"));
    let scale = |replicas: u32| json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}, "spec": {"replicas": replicas}});
    let scaling = set_review("UPDATE", "scale", &scale(3), &scale(1));
    let is_allowed = async || replica.review(&scaling).await.response()["allowed"].as_bool().unwrap();
    assert!(is_allowed().await);
    let posted = set_review("CREATE", "", &set(""), &Value::Null);
    assert!(replica.review(&posted).await.response()["allowed"].as_bool().unwrap());
    assert_eq!(replica.review(&scaling).await.status, 503, "the posted set would be refused");
    replica.clock.advance(PENDING_TIME);
    replica.refresh().await;
    assert!(is_allowed().await);
}
