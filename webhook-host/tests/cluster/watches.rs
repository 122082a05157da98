//! Watches: broken, ended, too old, refused, senseless; and what two replicas see of each other.

use crate::scene::{Scene, VOLUMES, named, numbered};
use ordinance_testkit::apiserver::{Answer, Asked, Verb};
use std::sync::Arc;

fn watches(asked: &[Asked]) -> Vec<&Asked> {
    asked.iter().filter(|asked| asked.verb == Verb::Watch).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_seen() {
    let scene = Scene::with_volumes([named("pv", "/srv/a")]).await;
    scene.api.put(VOLUMES, named("pv", "/srv/b"));
    scene.api.put(VOLUMES, named("pv2", "/srv/c"));
    scene.until_volumes(2).await;
    assert!(scene.allows(&named("new", "/srv/a")).await);
    assert!(!scene.allows(&named("another", "/srv/b")).await);
    scene.api.delete(VOLUMES, "pv2");
    scene.until("the end of one", |scene| scene.of_policy("index_keys") == 2).await;
    assert!(scene.allows(&named("third", "/srv/c")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_replica_admitted_is_seen_as_soon_as_the_watch_brings_it() {
    let one = Scene::with_volumes([]).await;
    let other = Scene::current(&one.api).await;
    assert!(one.allows(&named("pv", "/srv/www")).await);
    one.api.put(VOLUMES, named("pv", "/srv/www"));
    other.until_volumes(1).await;
    let response = other.validate(&named("pv2", "/srv/www")).await.response();
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains("\"pv\""), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_in_the_middle_of_an_event_is_taken_up_where_it_was() {
    let scene = Scene::with_volumes([numbered(1)]).await;
    scene.api.say(VOLUMES, r#"{"type":"ADDED","object":{"apiVersion":"v1","kind":"Persis"#);
    scene.api.tear(VOLUMES);
    scene.api.put(VOLUMES, numbered(2));
    scene.until_volumes(2).await;
    let asked = scene.api.asked(VOLUMES);
    assert_eq!(watches(&asked)[1].version, Some(1));
    assert_eq!(asked.len(), 3, "one list, and two watches: {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_ends_in_the_middle_of_an_event_is_taken_up_where_it_was() {
    let scene = Scene::with_volumes([numbered(1)]).await;
    scene.api.say(VOLUMES, r#"{"type":"ADDED","object":{"apiVersion":"v1","kind":"Persis"#);
    scene.api.end(VOLUMES);
    scene.api.put(VOLUMES, numbered(2));
    scene.until_volumes(2).await;
    assert_eq!((scene.lists(VOLUMES, "start"), scene.api.asked(VOLUMES).len()), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bookmark_says_from_where_to_go_on() {
    let scene = Scene::with_volumes([numbered(1)]).await;
    scene.api.put("secrets", named("of-no-interest", "/"));
    scene.api.bookmark(VOLUMES);
    scene.api.end(VOLUMES);
    let asked = scene.api.await_asked(VOLUMES, Verb::Watch, 2);
    assert_eq!(watches(&asked).iter().map(|watch| watch.version).collect::<Vec<_>>(), [Some(1), Some(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_comes_too_late_lists_again() {
    let scene = Scene::with_volumes((0..3).map(numbered)).await;
    let gate = scene.api.hold(VOLUMES, Verb::Watch);
    scene.api.tear(VOLUMES);
    scene.api.delete(VOLUMES, "pv-0002");
    scene.api.compact();
    drop(gate);
    scene.until_volumes(2).await;
    assert_eq!((scene.lists(VOLUMES, "expired"), scene.failures(VOLUMES, "watch", "expired")), (1, 1));
    assert!(scene.allows(&named("new", "/srv/2")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_refused_as_too_old_lists_again() {
    let scene = Scene::with_volumes((0..3).map(numbered)).await;
    scene.api.script(VOLUMES, Verb::Watch, Answer::Status(410));
    scene.api.tear(VOLUMES);
    scene.until("another list", |scene| scene.lists(VOLUMES, "expired") == 1).await;
    scene.api.put(VOLUMES, numbered(3));
    scene.until_volumes(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_watch_that_is_told_that_it_is_too_old_lists_again() {
    let scene = Scene::with_volumes((0..3).map(numbered)).await;
    scene.api.fail(VOLUMES, 410);
    scene.until("another list", |scene| scene.lists(VOLUMES, "expired") == 1).await;
    scene.api.put(VOLUMES, numbered(3));
    scene.until_volumes(4).await;
}

/// A watch that can't be opened for a while misses nothing.
async fn goes_on(answer: Answer, cause: &str) {
    let scene = Scene::with_volumes([numbered(1)]).await;
    scene.api.script(VOLUMES, Verb::Watch, answer);
    scene.api.tear(VOLUMES);
    scene.api.put(VOLUMES, numbered(2));
    scene.until_volumes(2).await;
    assert_eq!(
        (scene.failures(VOLUMES, "watch", cause), scene.api.await_asked(VOLUMES, Verb::List, 1).len()),
        (1, 4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_forbidden_is_asked_for_again() {
    goes_on(Answer::Status(403), "forbidden").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_the_api_server_can_not_answer_is_asked_for_again() {
    goes_on(Answer::Status(500), "status").await;
}

/// After what can't be read nobody knows what was missed.
async fn lists_again(text: &str) {
    let scene = Scene::with_volumes([numbered(1)]).await;
    scene.api.say(VOLUMES, text);
    scene.until("another list", |scene| scene.lists(VOLUMES, "garbage") == 1).await;
    assert_eq!(scene.failures(VOLUMES, "watch", "garbage"), 1);
    scene.api.put(VOLUMES, numbered(2));
    scene.until_volumes(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_makes_no_sense_lists_again() {
    lists_again("<html>\n").await;
    lists_again("{\"type\":\"ADDED\",\"object\":null}\n").await;
    lists_again("{\"type\":\"NEWS\",\"object\":{}}\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_gone_for_a_while_is_found_again() {
    let scene = Scene::with_volumes([numbered(1)]).await;
    for _ in 0..2 {
        scene.api.script(VOLUMES, Verb::Watch, Answer::Broken(String::new()));
    }
    scene.api.tear(VOLUMES);
    scene.api.await_asked(VOLUMES, Verb::Watch, 4);
    scene.api.put(VOLUMES, numbered(2));
    scene.until_volumes(2).await;
    assert_eq!(Arc::strong_count(&scene.api), 1);
}
