//! Lists: in pages, refused, broken off, too late; and when the index counts as current.

use crate::scene::{CLAIMS, SETS, Scene, VOLUMES, api, named, numbered};
use ordinance_testkit::apiserver::{Answer, Verb};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_index_is_current_only_after_every_list() {
    let api = api([]);
    let gate = api.hold(SETS, Verb::List);
    let scene = Scene::start(&api).await;
    api.await_watch(VOLUMES);
    api.await_watch(CLAIMS);
    scene
        .until("the sets alone", |scene| {
            scene.freshness.waits_for().as_deref() == Some("statefulsets are not listed yet")
        })
        .await;
    let reply = scene.validate(&numbered(1)).await;
    assert_eq!((reply.status, reply.field("retry-after")), (503, Some("1")));
    drop(gate);
    scene.until_current().await;
    assert!(scene.allows(&numbered(1)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_page_by_page_to_its_end() {
    let scene = Scene::with_volumes((0..1_201).map(numbered)).await;
    assert_eq!(scene.objects(VOLUMES), 1_201);
    let asked = scene.api.asked(VOLUMES);
    let pages: Vec<_> = asked.iter().filter(|asked| asked.verb == Verb::List).collect();
    assert_eq!(pages.len(), 3);
    assert!(
        pages.iter().all(|page| page.limit == Some(500) && page.version.is_none()),
        "by quorum: {pages:?}"
    );
    assert!(!scene.allows(&named("another", "/srv/1200")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_asked_for_by_their_metadata_alone() {
    let api = api([numbered(1)]);
    api.put(
        CLAIMS,
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data-web-0", "namespace": "default", "uid": "u"}, "spec": {"volumeName": "pv"},
        }),
    );
    let scene = Scene::current(&api).await;
    assert_eq!(scene.objects(CLAIMS), 1);
    assert!(api.asked(CLAIMS).iter().all(|asked| asked.metadata_only));
    assert!(api.asked(VOLUMES).iter().all(|asked| !asked.metadata_only));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_token_has_expired_is_begun_anew() {
    let api = api((0..501).map(numbered));
    let gate = api.hold(VOLUMES, Verb::List);
    let scene = Scene::start(&api).await;
    api.script(VOLUMES, Verb::List, Answer::Status(410));
    drop(gate);
    scene.until_current().await;
    assert_eq!((scene.lists(VOLUMES, "start"), scene.lists(VOLUMES, "expired")), (1, 1));
    assert_eq!(scene.objects(VOLUMES), 501);
}

/// Each trouble with a list is told, counted, and gone with the next list.
async fn recovers(answer: Answer, cause: &str, told: &str) {
    let api = api([numbered(1)]);
    api.script(VOLUMES, Verb::List, answer);
    let gate = api.hold(VOLUMES, Verb::List);
    let scene = Scene::start(&api).await;
    scene.until(told, |scene| scene.freshness.waits_for().is_some_and(|waits| waits.contains(told))).await;
    assert_eq!(scene.failures(VOLUMES, "list", cause), 1);
    drop(gate);
    scene.until_current().await;
    assert_eq!(scene.objects(VOLUMES), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_forbidden_says_what_has_to_be_granted() {
    let told = "persistentvolumes are not listed yet: can't list persistentvolumes: forbidden; let this user list \
                and watch persistentvolumes";
    recovers(Answer::Status(403), "forbidden", told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_the_api_server_can_not_answer_is_asked_for_again() {
    recovers(Answer::Status(500), "status", "the API server can't answer now (scripted: 500)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_makes_no_sense_is_asked_for_again() {
    recovers(Answer::Text("<html>".to_owned()), "garbage", "the answer makes no sense").await;
    let truncated = r#"{"kind":"List","metadata":{"resourceVersion":"1"},"items":[{"metadata""#;
    recovers(Answer::Text(truncated.to_owned()), "garbage", "the answer makes no sense").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_breaks_off_is_asked_for_again() {
    let half = r#"{"kind":"List","metadata":{"resourceVersion":"1"},"items":["#;
    recovers(Answer::Broken(half.to_owned()), "unreachable", "the API server can't be reached").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_list_at_all_is_not_taken_for_an_empty_one() {
    recovers(Answer::Text("{}".to_owned()), "garbage", "the answer makes no sense").await;
}
