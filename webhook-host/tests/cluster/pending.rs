//! What was admitted here counts until a watch brings it, or until the API server can't store it any more.

use crate::scene::{CLAIMS, SETS, Scene, VOLUMES, named};
use ordinance::limits::Limits;
use std::time::Duration;

impl Scene {
    /// All watches are heard of now.
    async fn hear(&self) {
        [VOLUMES, SETS, CLAIMS].into_iter().for_each(|resource| self.api.bookmark(resource));
        self.until_current().await;
    }

    fn pending(&self) -> usize {
        self.of_policy("index_pending_objects")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admitted_object_counts_until_its_time_is_over() {
    let scene = Scene::with_volumes([]).await;
    assert!(scene.allows(&named("pv", "/srv")).await);
    assert_eq!(scene.pending(), 1);
    scene.clock.advance(Limits::default().pending_time - Duration::from_millis(1));
    assert!(!scene.allows(&named("pv2", "/srv")).await);
    scene.clock.advance(Duration::from_millis(1));
    assert!(scene.allows(&named("pv2", "/srv")).await);
    assert_eq!((scene.pending(), scene.of_policy("index_forgotten_objects_total")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admitted_object_that_the_watch_brings_counts_for_good() {
    let scene = Scene::with_volumes([]).await;
    assert!(scene.allows(&named("pv", "/srv")).await);
    scene.api.put(VOLUMES, named("pv", "/srv"));
    scene.until("nothing pending", |scene| scene.pending() == 0).await;
    scene.clock.advance(2 * Limits::default().pending_time);
    scene.hear().await;
    assert!(!scene.allows(&named("pv2", "/srv")).await);
    assert_eq!(scene.of_policy("index_forgotten_objects_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_an_admitted_object_does_not_end_its_time() {
    let scene = Scene::with_volumes([]).await;
    assert!(scene.allows(&named("pv", "/srv")).await);
    scene.api.fail(VOLUMES, 410);
    scene.until("another list", |scene| scene.lists(VOLUMES, "expired") == 1).await;
    scene.api.await_watch(VOLUMES);
    scene.api.put(VOLUMES, named("other", "/other"));
    scene.until_volumes(2).await;
    assert!(!scene.allows(&named("pv2", "/srv")).await);
}
