//! Lists: pages, errors, and when the index becomes current.

use crate::replica::{CLAIMS, Replica, SETS, VOLUMES, api, named, numbered};
use ordinance::cluster::PAGE_BYTES;
use ordinance_testkit::apiserver::{ScriptedAnswer, Verb};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_index_is_current_only_after_all_lists() {
    let api = api([]);
    let gate = api.hold(SETS, Verb::List);
    let replica = Replica::start(&api).await;
    api.await_watch(VOLUMES);
    api.await_watch(CLAIMS);
    replica
        .until("missing list of only the sets", |replica| {
            replica.watches.waiting_for().as_deref() == Some("statefulsets are not listed yet")
        })
        .await;
    let reply = replica.validate(&numbered(1)).await;
    assert_eq!((reply.status, reply.field("retry-after")), (503, Some("1")));
    drop(gate);
    replica.until_current().await;
    assert!(replica.allows(&numbered(1)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_all_pages_of_a_list() {
    let replica = Replica::with_volumes((0..1_201).map(numbered)).await;
    assert_eq!(replica.objects(VOLUMES), 1_201);
    let requests = replica.api.requests(VOLUMES);
    let pages: Vec<_> = requests.iter().filter(|request| request.verb == Verb::List).collect();
    assert_eq!(pages.len(), 3);
    assert!(
        pages.iter().all(|page| page.limit == Some(500) && page.version.is_none()),
        "without a resource version: {pages:?}"
    );
    assert!(!replica.allows(&named("another", "/srv/1200")).await);
}

/// Who may create objects determines how large they are.
#[tokio::test(flavor = "multi_thread")]
async fn asks_for_fewer_objects_after_a_page_that_is_too_large() {
    let large = |number: usize| {
        let mut volume = numbered(number);
        volume["metadata"]["annotations"] = json!({"note": "x".repeat(PAGE_BYTES / 300)});
        volume
    };
    let replica = Replica::with_volumes((0..400).map(large)).await;
    assert_eq!(replica.objects(VOLUMES), 400);
    let requests = replica.api.requests(VOLUMES);
    let lists = requests.iter().filter(|request| request.verb == Verb::List);
    let limits: Vec<_> = lists.filter_map(|page| page.limit).collect();
    assert_eq!(limits, [500, 125, 125, 125, 125]);
    assert_eq!(replica.policy_metric("index_unreadable_objects_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_only_the_metadata_of_claims() {
    let api = api([numbered(1)]);
    api.put(
        CLAIMS,
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data-web-0", "namespace": "default", "uid": "u"}, "spec": {"volumeName": "pv"},
        }),
    );
    let replica = Replica::current(&api).await;
    assert_eq!(replica.objects(CLAIMS), 1);
    assert!(api.requests(CLAIMS).iter().all(|request| request.metadata_only));
    assert!(api.requests(VOLUMES).iter().all(|request| !request.metadata_only));
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_a_list_whose_continue_token_has_expired() {
    let api = api((0..501).map(numbered));
    let gate = api.hold(VOLUMES, Verb::List);
    let replica = Replica::start(&api).await;
    api.script(VOLUMES, Verb::List, ScriptedAnswer::Status(410));
    drop(gate);
    replica.until_current().await;
    assert_eq!((replica.lists(VOLUMES, "start"), replica.lists(VOLUMES, "expired")), (1, 1));
    assert_eq!(replica.objects(VOLUMES), 501);
}

/// Checks that an error of a list is reported and counted, and that the next list succeeds.
async fn recovers(answer: ScriptedAnswer, cause: &str, message: &str) {
    let api = api([numbered(1)]);
    api.script(VOLUMES, Verb::List, answer);
    let gate = api.hold(VOLUMES, Verb::List);
    let replica = Replica::start(&api).await;
    replica
        .until(message, |replica| replica.watches.waiting_for().is_some_and(|text| text.contains(message)))
        .await;
    assert_eq!(replica.failures(VOLUMES, "list", cause), 1);
    drop(gate);
    replica.until_current().await;
    assert_eq!(replica.objects(VOLUMES), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_the_permission_that_a_forbidden_list_needs() {
    let message = "persistentvolumes are not listed yet: can't list persistentvolumes: forbidden; let this user list \
                and watch persistentvolumes";
    recovers(ScriptedAnswer::Status(403), "forbidden", message).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_a_list_after_an_error_of_the_api_server() {
    recovers(ScriptedAnswer::Status(500), "status", "the API server returned an error (scripted: 500)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_a_list_after_an_invalid_response() {
    recovers(ScriptedAnswer::Text("<html>".to_owned()), "garbage", "the response is invalid").await;
    let truncated = r#"{"kind":"List","metadata":{"resourceVersion":"1"},"items":[{"metadata""#;
    recovers(ScriptedAnswer::Text(truncated.to_owned()), "garbage", "the response is invalid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_a_list_after_an_incomplete_response() {
    let half = r#"{"kind":"List","metadata":{"resourceVersion":"1"},"items":["#;
    recovers(ScriptedAnswer::Broken(half.to_owned()), "unreachable", "the API server is unreachable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn does_not_treat_an_empty_object_as_an_empty_list() {
    recovers(ScriptedAnswer::Text("{}".to_owned()), "garbage", "the response is invalid").await;
}
