//! An admitted object counts until a watch reports it, or until the API server can't store it any more.

use crate::replica::{CLAIMS, Replica, SETS, VOLUMES, named};
use ordinance::limits::Limits;
use std::time::Duration;

impl Replica {
    /// Sends a bookmark on each watch, so that the index is current.
    async fn refresh(&self) {
        [VOLUMES, SETS, CLAIMS].into_iter().for_each(|resource| self.api.bookmark(resource));
        self.until_current().await;
    }

    fn pending(&self) -> usize {
        self.policy_metric("index_pending_objects")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admitted_object_counts_until_it_expires() {
    let replica = Replica::with_volumes([]).await;
    assert!(replica.allows(&named("pv", "/srv")).await);
    assert_eq!(replica.pending(), 1);
    replica.clock.advance(Limits::default().pending_time - Duration::from_millis(1));
    assert!(!replica.allows(&named("pv2", "/srv")).await);
    replica.clock.advance(Duration::from_millis(1));
    assert!(replica.allows(&named("pv2", "/srv")).await);
    assert_eq!((replica.pending(), replica.policy_metric("index_forgotten_objects_total")), (1, 1));
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
    replica.until_volumes(2).await;
    assert!(!replica.allows(&named("pv2", "/srv")).await);
}
