//! Watches: closed and broken streams, errors, and what two replicas see of each other.

use crate::replica::{Replica, VOLUMES, named, numbered};
use ordinance_testkit::apiserver::{ApiRequest, ScriptedAnswer, Verb};
use std::sync::Arc;

fn watches(requests: &[ApiRequest]) -> Vec<&ApiRequest> {
    requests.iter().filter(|request| request.verb == Verb::Watch).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_follows_changes() {
    let replica = Replica::with_volumes([named("pv", "/srv/a")]).await;
    replica.api.put(VOLUMES, named("pv", "/srv/b"));
    replica.api.put(VOLUMES, named("pv2", "/srv/c"));
    replica.until_volumes(2).await;
    assert!(replica.allows(&named("new", "/srv/a")).await);
    assert!(!replica.allows(&named("another", "/srv/b")).await);
    replica.api.delete(VOLUMES, "pv2");
    replica.until_volumes(1).await;
    assert!(replica.allows(&named("third", "/srv/c")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_replica_counts_once_the_watch_reports_it() {
    let one = Replica::with_volumes([]).await;
    let other = Replica::current(&one.api).await;
    assert!(one.allows(&named("pv", "/srv/www")).await);
    one.api.put(VOLUMES, named("pv", "/srv/www"));
    other.until_volumes(1).await;
    let response = other.validate(&named("pv2", "/srv/www")).await.response();
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains("\"pv\""), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_within_an_event_resumes_at_its_version() {
    let replica = Replica::with_volumes([numbered(1)]).await;
    replica.api.send_text(VOLUMES, r#"{"type":"ADDED","object":{"apiVersion":"v1","kind":"Persis"#);
    replica.api.break_watches(VOLUMES);
    replica.api.put(VOLUMES, numbered(2));
    replica.until_volumes(2).await;
    let requests = replica.api.requests(VOLUMES);
    // The client may send a watch into the connection that is about to break, and then once more.
    let resumed = &watches(&requests)[1..];
    assert!(!resumed.is_empty() && resumed.iter().all(|watch| watch.version == Some(1)), "{requests:?}");
    assert_eq!(requests.iter().filter(|request| request.verb == Verb::List).count(), 1, "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_ends_within_an_event_resumes_at_its_version() {
    let replica = Replica::with_volumes([numbered(1)]).await;
    replica.api.send_text(VOLUMES, r#"{"type":"ADDED","object":{"apiVersion":"v1","kind":"Persis"#);
    replica.api.end_watches(VOLUMES);
    replica.api.put(VOLUMES, numbered(2));
    replica.until_volumes(2).await;
    assert_eq!((replica.lists(VOLUMES, "start"), replica.api.requests(VOLUMES).len()), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_resumes_at_the_version_of_its_last_bookmark() {
    let replica = Replica::with_volumes([numbered(1)]).await;
    replica.api.put("secrets", named("of-no-interest", "/"));
    replica.api.bookmark(VOLUMES);
    replica.api.end_watches(VOLUMES);
    let requests = replica.api.await_requests(VOLUMES, Verb::Watch, 2);
    assert_eq!(watches(&requests).iter().map(|watch| watch.version).collect::<Vec<_>>(), [Some(1), Some(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_again_if_its_version_is_compacted() {
    let replica = Replica::with_volumes((0..3).map(numbered)).await;
    let gate = replica.api.hold(VOLUMES, Verb::Watch);
    replica.api.break_watches(VOLUMES);
    replica.api.delete(VOLUMES, "pv-0002");
    replica.api.compact();
    drop(gate);
    replica.until_volumes(2).await;
    assert_eq!((replica.lists(VOLUMES, "expired"), replica.failures(VOLUMES, "watch", "expired")), (1, 1));
    assert!(replica.allows(&named("new", "/srv/2")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_again_if_a_new_watch_gets_status_410() {
    let replica = Replica::with_volumes((0..3).map(numbered)).await;
    replica.api.script(VOLUMES, Verb::Watch, ScriptedAnswer::Status(410));
    replica.api.break_watches(VOLUMES);
    replica.until("new list", |replica| replica.lists(VOLUMES, "expired") == 1).await;
    replica.api.put(VOLUMES, numbered(3));
    replica.until_volumes(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_again_if_an_open_watch_gets_error_410() {
    let replica = Replica::with_volumes((0..3).map(numbered)).await;
    replica.api.send_error(VOLUMES, 410);
    replica.until("new list", |replica| replica.lists(VOLUMES, "expired") == 1).await;
    replica.api.put(VOLUMES, numbered(3));
    replica.until_volumes(4).await;
}

/// Checks that a watch which can't be opened for a while misses no event.
async fn retries_the_watch(answer: ScriptedAnswer, cause: &str) {
    let replica = Replica::with_volumes([numbered(1)]).await;
    replica.api.script(VOLUMES, Verb::Watch, answer);
    replica.api.break_watches(VOLUMES);
    replica.api.put(VOLUMES, numbered(2));
    replica.until_volumes(2).await;
    assert_eq!(
        (replica.failures(VOLUMES, "watch", cause), replica.api.await_requests(VOLUMES, Verb::List, 1).len()),
        (1, 4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_a_forbidden_watch() {
    retries_the_watch(ScriptedAnswer::Status(403), "forbidden").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_a_watch_after_an_error_of_the_api_server() {
    retries_the_watch(ScriptedAnswer::Status(500), "status").await;
}

/// Checks that an invalid event, which may hide a change, causes a new list.
async fn lists_again(text: &str) {
    let replica = Replica::with_volumes([numbered(1)]).await;
    replica.api.send_text(VOLUMES, text);
    replica.until("new list", |replica| replica.lists(VOLUMES, "garbage") == 1).await;
    assert_eq!(replica.failures(VOLUMES, "watch", "garbage"), 1);
    replica.api.put(VOLUMES, numbered(2));
    replica.until_volumes(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_again_after_an_invalid_event() {
    lists_again("<html>\n").await;
    lists_again("{\"type\":\"ADDED\",\"object\":null}\n").await;
    lists_again("{\"type\":\"NEWS\",\"object\":{}}\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reconnects_to_an_api_server_that_was_unreachable() {
    let replica = Replica::with_volumes([numbered(1)]).await;
    for _ in 0..2 {
        replica.api.script(VOLUMES, Verb::Watch, ScriptedAnswer::Broken(String::new()));
    }
    replica.api.break_watches(VOLUMES);
    replica.api.await_requests(VOLUMES, Verb::Watch, 4);
    replica.api.put(VOLUMES, numbered(2));
    replica.until_volumes(2).await;
    assert_eq!(Arc::strong_count(&replica.api), 1);
}
