//! Objects that the policy can't read, and a fault of the process while it reads them.

use crate::logs::{self, PANICS};
use crate::scene::{Scene, VOLUMES, api, named, numbered, unreadable};
use ordinance_testkit::apiserver::Verb;

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_keys_fail_is_left_out_of_a_list_with_a_metric_and_a_log_line() {
    let scene = Scene::with_volumes([numbered(1), unreadable("pv-bad"), numbered(2)]).await;
    assert_eq!((scene.objects(VOLUMES), scene.unreadable(VOLUMES)), (2, 1));
    let line = logs::line(&["left out of the index", "pv-bad"]).unwrap();
    assert!(line.starts_with("WARN") && !line.contains("no source"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_object_is_left_out_of_a_list() {
    let api = api([numbered(1)]);
    for (name, text) in [("a", "null"), ("b", "[7]"), ("c", r#"{"metadata":{}}"#)] {
        api.put_text(VOLUMES, name, text);
    }
    let scene = Scene::current(&api).await;
    assert_eq!((scene.objects(VOLUMES), scene.unreadable(VOLUMES)), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_becomes_unreadable_holds_nothing_any_more() {
    let scene = Scene::with_volumes([named("pv", "/srv")]).await;
    scene.api.put(VOLUMES, unreadable("pv"));
    scene.until_volumes(0).await;
    assert_eq!(scene.unreadable(VOLUMES), 1);
    scene.api.put(VOLUMES, named("pv", "/srv"));
    scene.until_volumes(1).await;
}

/// The log panics at the mention of this object: on the thread that brings a batch to the index.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_while_a_batch_is_read_lists_again() {
    let scene = Scene::with_volumes([numbered(1)]).await;
    let gate = scene.api.hold(VOLUMES, Verb::List);
    scene.api.put(VOLUMES, unreadable(PANICS));
    scene.api.put(VOLUMES, numbered(2));
    scene.until("another list", |scene| scene.lists(VOLUMES, "panic") == 1).await;
    assert_eq!(scene.validate(&named("new", "/srv/new")).await.status, 503, "something may be missing");
    drop(gate);
    scene.until_current().await;
    assert_eq!(scene.objects(VOLUMES), 2);
    assert_eq!(scene.failures(VOLUMES, "read", "panic"), 1);
    let told = "can't read persistentvolumes: this process is at fault; listing again";
    assert!(logs::line(&["WARN", told]).is_some());
}
