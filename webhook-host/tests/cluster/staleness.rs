//! An index whose watches were silent for too long is not used.

use crate::replica::{CLAIMS, Replica, SETS, VOLUMES, named, numbered};
use ordinance::admission::Freshness as _;
use ordinance::limits::Limits;
use std::time::Duration;

/// How long a watch may be silent.
fn staleness() -> Duration {
    Limits::default().index_staleness
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_watch_makes_the_index_stale_until_a_bookmark_arrives() {
    let replica = Replica::with_volumes([numbered(1)]).await;
    replica.clock.advance(staleness());
    assert!(replica.allows(&named("pv-in-time", "/srv/in-time")).await);
    replica.clock.advance(Duration::from_millis(1));
    let reply = replica.validate(&numbered(2)).await;
    assert_eq!((reply.status, reply.field("retry-after"), reply.is_last()), (503, Some("1"), true));
    [VOLUMES, SETS].into_iter().for_each(|resource| replica.api.bookmark(resource));
    replica
        .until("single stale watch", |replica| {
            let waiting = replica.watches.waiting_for();
            waiting.as_deref() == Some("the watch of persistentvolumeclaims has been silent for 120 s")
        })
        .await;
    assert_eq!(replica.validate(&numbered(2)).await.status, 503);
    replica.api.bookmark(CLAIMS);
    replica.until_current().await;
    assert!(replica.allows(&numbered(2)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_keys_is_answered_with_a_stale_index() {
    let replica = Replica::with_volumes([]).await;
    replica.clock.advance(2 * staleness());
    let mut volume = named("pv", "/");
    volume["spec"].as_object_mut().unwrap().remove("nfs");
    volume["spec"]["hostPath"] = serde_json::json!({"path": "/srv"});
    assert!(replica.allows(&volume).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_makes_the_index_current_again() {
    let replica = Replica::with_volumes([numbered(1)]).await;
    replica.clock.advance(2 * staleness());
    assert!(!replica.watches.is_current());
    [VOLUMES, SETS, CLAIMS].into_iter().for_each(|resource| replica.api.end_watches(resource));
    replica.until_current().await;
}
