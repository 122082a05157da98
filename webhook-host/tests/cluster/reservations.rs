//! Replicas reserve what they admit, so that two of them never admit two volumes on one export.

use crate::files::creation;
use crate::harness::Reply;
use crate::replica::{Replica, VOLUMES, named};
use ordinance_testkit::apiserver::{ApiServer, ScriptedAnswer, Verb};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const RESERVATIONS: &str = "reservations";

/// The rounds of a race.
const ROUNDS: usize = 25;

impl Replica {
    /// Returns the number of attempts with this outcome.
    fn attempts(&self, outcome: &str) -> usize {
        self.metric("reservation_attempts_total", &[("policy", "storage"), ("outcome", outcome)]) as usize
    }

    async fn until_reservations(&self, count: usize) {
        let reserved = |replica: &Self| replica.policy_metric("reservations") == count;
        self.until(&format!("{count} reservations"), reserved).await;
    }
}

/// Returns an API server that takes reservations.
fn api() -> Arc<ApiServer> {
    let api = Arc::new(ApiServer::start().unwrap());
    api.store_creations(RESERVATIONS);
    api
}

/// Starts a replica whose watch of the reservations runs.
async fn reserving(api: &Arc<ApiServer>) -> Replica {
    let replica = Replica::reserving(api).await;
    api.await_watch(RESERVATIONS);
    replica
}

/// Returns whether a volume is admitted, or `None` if the client has to try again.
fn verdict(reply: &Reply) -> Option<bool> {
    (reply.status == 200).then(|| reply.response()["allowed"].as_bool().unwrap())
}

/// Creates a volume as the API server does: again after a 503, and stored once it is admitted.
async fn create(replica: &Replica, volume: &Value) -> bool {
    loop {
        match verdict(&replica.validate_verified(volume).await) {
            Some(true) => {
                replica.api.put(VOLUMES, volume.clone());
                return true;
            }
            Some(false) => return false,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Returns a reservation of another replica, for a volume on an export.
fn foreign(name: &str, path: &[&str]) -> Value {
    json!({
        "apiVersion": "ordinance.dev/v1alpha1",
        "kind": "Reservation",
        "metadata": {"name": format!("r-{name}"), "managedFields": [{}]},
        "spec": {
            "policy": "storage",
            "realm": "nfs://10.0.0.5",
            "holder": {
                "apiVersion": "v1", "resource": "persistentvolumes", "name": name, "uid": format!("uid-of-{name}"),
            },
            "keys": [{"realm": "nfs://10.0.0.5", "path": path, "note": ""}],
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_never_admit_two_volumes_on_one_export() {
    let api = api();
    let (one, other) = (reserving(&api).await, reserving(&api).await);
    for round in 0..ROUNDS {
        let path = format!("/srv/{round}");
        let (first, second) = (named(&format!("a-{round}"), &path), named(&format!("b-{round}"), &path));
        let admitted = tokio::join!(create(&one, &first), create(&other, &second));
        assert!(admitted.0 != admitted.1, "round {round}: {admitted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_admit_volumes_in_sibling_directories() {
    let api = api();
    let (one, other) = (reserving(&api).await, reserving(&api).await);
    for round in 0..ROUNDS {
        let [first, second] =
            ["a", "b"].map(|name| named(&format!("{name}-{round}"), &format!("/srv/{name}-{round}")));
        let replies = tokio::join!(one.validate_verified(&first), other.validate_verified(&second));
        assert_eq!((verdict(&replies.0), verdict(&replies.1)), (Some(true), Some(true)), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_new_key_of_an_admitted_object_is_reserved() {
    let api = api();
    let replica = reserving(&api).await;
    let volume = named("pv", "/srv");
    assert_eq!(verdict(&replica.validate_verified(&volume).await), Some(true));
    assert_eq!(api.names(RESERVATIONS).len(), 1);
    api.put(VOLUMES, volume.clone());
    replica.until_volumes(1).await;
    // Denied; the same keys again; a dry run; another client.
    assert_eq!(verdict(&replica.validate_verified(&named("pv2", "/srv")).await), Some(false));
    let mut update = creation(&volume);
    update["request"]["operation"] = "UPDATE".into();
    update["request"]["oldObject"] = volume;
    assert_eq!(verdict(&replica.review_verified(&update).await), Some(true));
    let mut dry_run = creation(&named("pv3", "/dry"));
    dry_run["request"]["dryRun"] = true.into();
    assert_eq!(verdict(&replica.review_verified(&dry_run).await), Some(true));
    assert!(replica.allows(&named("pv4", "/other")).await);
    assert_eq!(api.names(RESERVATIONS).len(), 1);
    assert_eq!((replica.attempts("Allowed"), replica.attempts("Unverified")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_waits_while_another_replica_may_admit_one_that_excludes_it() {
    let api = api();
    let replica = reserving(&api).await;
    api.put(RESERVATIONS, foreign("theirs", &["srv"]));
    replica.until_reservations(1).await;
    assert_eq!(verdict(&replica.validate_verified(&named("ours", "/srv")).await), None);
    // The API server stores it, and the watch of the volumes has not told yet.
    api.put_text(VOLUMES, "theirs", &named("theirs", "/srv").to_string());
    replica.clock.advance(Duration::from_secs(1));
    assert_eq!(verdict(&replica.validate_verified(&named("ours", "/srv")).await), Some(false));
    assert_eq!(verdict(&replica.validate_verified(&named("sibling", "/other")).await), Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_with_the_same_name_does_not_wait_for_itself() {
    let api = api();
    let replica = reserving(&api).await;
    api.put(RESERVATIONS, foreign("pv", &["srv"]));
    replica.until_reservations(1).await;
    let mut again = named("pv", "/srv");
    again["metadata"]["uid"] = "another-uid".into();
    assert_eq!(verdict(&replica.validate_verified(&again).await), Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_that_no_watch_reports_is_found_by_a_list() {
    let api = api();
    let replica = reserving(&api).await;
    let gate = api.hold(RESERVATIONS, Verb::Watch);
    api.break_watches(RESERVATIONS);
    api.put(RESERVATIONS, foreign("theirs", &["srv"]));
    assert_eq!(verdict(&replica.validate_verified(&named("sibling", "/other")).await), Some(true));
    assert_eq!(verdict(&replica.validate_verified(&named("ours", "/srv")).await), None);
    assert_eq!(replica.policy_metric("reservation_lists_total"), 2);
    drop(gate);
    // The reservation of the refused attempt is deleted.
    replica.until_reservations(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_with_an_unknown_outcome_admits_nothing() {
    let api = api();
    let replica = reserving(&api).await;
    for code in [500, 429, 503, 401, 400, 422] {
        api.script(RESERVATIONS, Verb::Create, ScriptedAnswer::Status(code));
        assert_eq!(verdict(&replica.validate_verified(&named("pv", "/srv")).await), None, "{code}");
    }
    assert_eq!(replica.attempts("Unavailable"), 6);
    let _held = api.hold(RESERVATIONS, Verb::Create);
    let reply = replica.validate_verified_within(&named("pv", "/srv"), 2).await;
    assert_eq!((verdict(&reply), reply.field("retry-after")), (None, Some("1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_resource_a_verdict_rests_on_what_is_stored() {
    let api = api();
    api.script(RESERVATIONS, Verb::List, ScriptedAnswer::Status(404));
    let replica = Replica::reserving(&api).await;
    let available = |replica: &Replica| replica.policy_metric("reservations_available");
    replica
        .until("the answer to the list", |replica| {
            replica.metric(
                "watch_failures_total",
                &[("resource", RESERVATIONS), ("verb", "list"), ("cause", "unknown")],
            ) == 1.0
        })
        .await;
    assert_eq!(verdict(&replica.validate_verified(&named("pv", "/srv")).await), Some(true));
    assert_eq!((available(&replica), replica.attempts("Unreserved")), (0, 1));
    assert_eq!(api.names(RESERVATIONS).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_is_as_if_the_resource_were_missing() {
    let api = api();
    let replica = reserving(&api).await;
    for code in [403, 404] {
        api.script(RESERVATIONS, Verb::Create, ScriptedAnswer::Status(code));
        let volume = named(&format!("pv-{code}"), &format!("/srv/{code}"));
        assert_eq!(verdict(&replica.validate_verified(&volume).await), Some(true), "{code}");
    }
    assert_eq!(replica.attempts("Unreserved"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_replaces_one_of_its_name_is_reserved() {
    let api = api();
    let replica = reserving(&api).await;
    api.put(VOLUMES, named("pv", "/srv"));
    replica.until_volumes(1).await;
    let mut again = named("pv", "/srv");
    again["metadata"]["uid"] = "another-uid".into();
    assert_eq!(verdict(&replica.validate_verified(&again).await), Some(true));
    assert_eq!(api.names(RESERVATIONS).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_reserved_if_it_changes_what_the_volume_holds() {
    let api = api();
    let replica = reserving(&api).await;
    let mut shared = named("pv", "/srv");
    shared["metadata"]["annotations"] = json!({"ordinance.dev/shared-with": "other"});
    api.put(VOLUMES, shared.clone());
    replica.until_volumes(1).await;
    for (new, count) in [(shared.clone(), 0), (named("pv", "/srv"), 1)] {
        let mut update = creation(&new);
        update["request"]["operation"] = "UPDATE".into();
        update["request"]["oldObject"] = shared.clone();
        assert_eq!(verdict(&replica.review_verified(&update).await), Some(true));
        assert_eq!(api.names(RESERVATIONS).len(), count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shortest_timeout_of_a_webhook_is_enough() {
    let replica = reserving(&api()).await;
    // A busy machine may be too slow for one of them, but not for all.
    for _ in 0..ROUNDS {
        if verdict(&replica.validate_verified_within(&named("pv", "/srv"), 1).await) == Some(true) {
            return;
        }
    }
    panic!("no attempt has enough time");
}
