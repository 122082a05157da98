//! An index that was not heard of for too long is not asked.

use crate::scene::{CLAIMS, SETS, Scene, VOLUMES, named, numbered};
use ordinance::admission::Freshness as _;
use ordinance::limits::Limits;
use std::time::Duration;

/// As long as it may be silent.
fn silence() -> Duration {
    Limits::default().index_staleness
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_watch_makes_the_index_stale_and_a_bookmark_makes_it_current_again() {
    let scene = Scene::with_volumes([numbered(1)]).await;
    scene.clock.advance(silence());
    assert!(scene.allows(&named("pv-in-time", "/srv/in-time")).await);
    scene.clock.advance(Duration::from_millis(1));
    let reply = scene.validate(&numbered(2)).await;
    assert_eq!((reply.status, reply.field("retry-after"), reply.is_last()), (503, Some("1"), true));
    [VOLUMES, SETS].into_iter().for_each(|resource| scene.api.bookmark(resource));
    scene
        .until("one that is stale", |scene| {
            let waits = scene.freshness.waits_for();
            waits.as_deref() == Some("persistentvolumeclaims were last heard of 120 s ago")
        })
        .await;
    assert_eq!(scene.validate(&numbered(2)).await.status, 503);
    scene.api.bookmark(CLAIMS);
    scene.until_current().await;
    assert!(scene.allows(&numbered(2)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_index_is_answered_by_a_stale_one() {
    let scene = Scene::with_volumes([]).await;
    scene.clock.advance(2 * silence());
    let mut volume = named("pv", "/");
    volume["spec"].as_object_mut().unwrap().remove("nfs");
    volume["spec"]["hostPath"] = serde_json::json!({"path": "/srv"});
    assert!(scene.allows(&volume).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_alone_makes_the_index_current_again() {
    let scene = Scene::with_volumes([numbered(1)]).await;
    scene.clock.advance(2 * silence());
    assert!(!scene.freshness.is_current());
    [VOLUMES, SETS, CLAIMS].into_iter().for_each(|resource| scene.api.end(resource));
    scene.until_current().await;
}
