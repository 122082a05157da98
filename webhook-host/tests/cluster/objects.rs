//! Objects that the policy can't read, and a panic while the process reads objects.

use crate::logs::{self, PANICS};
use crate::replica::{Replica, VOLUMES, api, named, numbered, unreadable};
use ordinance_testkit::apiserver::Verb;

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_object_is_left_out_counted_and_logged() {
    let replica = Replica::with_volumes([numbered(1), unreadable("pv-bad"), numbered(2)]).await;
    assert_eq!((replica.objects(VOLUMES), replica.unreadable(VOLUMES)), (2, 1));
    let line = logs::line(&["left out of the index", "pv-bad"]).unwrap();
    assert!(line.starts_with("WARN") && !line.contains("no source"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn list_items_that_are_not_objects_are_left_out() {
    let api = api([numbered(1)]);
    for (name, text) in [("a", "null"), ("b", "[7]"), ("c", r#"{"metadata":{}}"#)] {
        api.put_text(VOLUMES, name, text);
    }
    let replica = Replica::current(&api).await;
    assert_eq!((replica.objects(VOLUMES), replica.unreadable(VOLUMES)), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_becomes_unreadable_loses_its_keys() {
    let replica = Replica::with_volumes([named("pv", "/srv")]).await;
    replica.api.put(VOLUMES, unreadable("pv"));
    replica.until_volumes(0).await;
    assert_eq!(replica.unreadable(VOLUMES), 1);
    replica.api.put(VOLUMES, named("pv", "/srv"));
    replica.until_volumes(1).await;
}

/// The log panics on this object's line, on the thread that enters a batch into the index.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_while_reading_a_batch_causes_a_new_list() {
    let replica = Replica::with_volumes([numbered(1)]).await;
    let gate = replica.api.hold(VOLUMES, Verb::List);
    replica.api.put(VOLUMES, unreadable(PANICS));
    replica.api.put(VOLUMES, numbered(2));
    replica.until("new list", |replica| replica.lists(VOLUMES, "panic") == 1).await;
    assert_eq!(replica.validate(&named("new", "/srv/new")).await.status, 503, "objects may be missing");
    drop(gate);
    replica.until_current().await;
    assert_eq!(replica.objects(VOLUMES), 2);
    assert_eq!(replica.failures(VOLUMES, "read", "panic"), 1);
    let message = "can't read persistentvolumes: an internal error occurred; listing again";
    assert!(logs::line(&["WARN", message]).is_some());
}
