//! What a log of reservations keeps, deletes and refuses, with a store in memory and a clock that the tests set.

use futures_util::future::BoxFuture;
use ordinance::clock::Clock;
use ordinance::events::{EventQueue, ReportedEvent};
use ordinance::metrics::Metrics;
use ordinance::reservations::{
    ABANDONED_INTERVAL, ABANDONED_PER_INTERVAL, ABANDONED_PER_REALM, ReservationLog, ReservationStore,
    Reserving, Unreserved,
};
use ordinance_contract::{Key, Scope, Stance};
use ordinance_engine::UnreservedObject;
use ordinance_reservation::{
    Creation, Draft, HeldKey, Holder, Judgement, Reservation, Retention, WatchEvent,
};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long a test waits for a task of the log.
const TIMEOUT: Duration = Duration::from_secs(30);

const RETENTION: Retention = Retention {
    pending: Duration::from_secs(75),
    own: Duration::from_secs(300),
    foreign: Duration::from_secs(360),
};

/// A store whose writes succeed, and whose watch tells the log at once.
#[derive(Default)]
struct MemoryStore {
    log: Mutex<Option<Arc<ReservationLog>>>,
    names: Mutex<Vec<String>>,
}

/// A log with its store, its metrics and the time since its start.
struct Log {
    log: Arc<ReservationLog>,
    store: Arc<MemoryStore>,
    metrics: Metrics,
    time: Arc<Mutex<Duration>>,
    events: mpsc::Receiver<ReportedEvent>,
}

impl ReservationStore for MemoryStore {
    fn create<'a>(&'a self, _policy: &'a str, draft: &'a Draft) -> BoxFuture<'a, Creation> {
        Box::pin(async move {
            let mut names = self.names.lock().unwrap();
            names.push(draft.name.clone());
            let revision = Some(names.len() as u64);
            drop(names);
            let log = self.log.lock().unwrap().clone().unwrap();
            log.watched(WatchEvent::Added(Reservation { revision, draft: draft.clone() }));
            Creation::Stored
        })
    }

    fn list<'a>(
        &'a self,
        _policy: &'a str,
        _realms: &'a [String],
    ) -> BoxFuture<'a, Option<Vec<Reservation>>> {
        Box::pin(async { None })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.names.lock().unwrap().retain(|known| known != name);
            let log = self.log.lock().unwrap().clone().unwrap();
            log.watched(WatchEvent::Removed(name.to_owned()));
        })
    }
}

// === impl Log ===

impl Log {
    fn new() -> Self {
        let (metrics, store) = (Metrics::new(), Arc::new(MemoryStore::default()));
        let (origin, time) = (Instant::now(), Arc::new(Mutex::new(Duration::ZERO)));
        let elapsed = Arc::clone(&time);
        let clock = Clock::new(move || origin + *elapsed.lock().unwrap());
        let shared = Arc::clone(&store) as Arc<dyn ReservationStore>;
        let log = ReservationLog::new("storage", shared, RETENTION, clock, metrics.reservations("storage"));
        let (events, received) = EventQueue::new(metrics.events());
        let log = Arc::new(log.with_events(Some(events)));
        *store.log.lock().unwrap() = Some(Arc::clone(&log));
        Self { log, store, metrics, time, events: received }
    }

    fn advance(&self, time: Duration) {
        *self.time.lock().unwrap() += time;
    }

    async fn reserve(&self, name: &str) -> Reserving {
        let deadline = Instant::now() + TIMEOUT;
        Arc::clone(&self.log).reserve(&object(name), deadline).await
    }

    /// Adds the reservation of another process, in the realm of [`object`].
    fn add_foreign(&self, number: usize) {
        let key = HeldKey {
            realm: "nfs://nas".to_owned(),
            path: vec![format!("other-{number}")],
            note: String::new(),
        };
        let holder = Holder {
            group: String::new(),
            version: "v1".to_owned(),
            resource: "persistentvolumes".to_owned(),
            namespace: String::new(),
            name: format!("other-{number}"),
            uid: format!("other-{number}"),
        };
        let draft = Draft { name: format!("r-other-{number}"), holder, keys: vec![key] };
        self.store.names.lock().unwrap().push(draft.name.clone());
        self.log.watched(WatchEvent::Added(Reservation { revision: Some(number as u64), draft }));
    }

    /// Collects, and waits until this number of reservations is left.
    async fn collect(&self, left: usize) {
        self.log.collect();
        let end = Instant::now() + TIMEOUT;
        while self.names().len() != left {
            assert!(Instant::now() < end, "{:?} are left instead of {left}", self.names());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn names(&self) -> Vec<String> {
        self.store.names.lock().unwrap().clone()
    }

    fn has_metric(&self, line: &str) -> bool {
        self.metrics.text().lines().any(|found| found == line)
    }
}

fn object(name: &str) -> UnreservedObject {
    let key = Key {
        realm: "nfs://nas".to_owned(),
        path: vec![name.to_owned()],
        stance: Stance::Holds,
        note: String::new(),
    };
    let scope = Scope { version: "v1".into(), resource: "persistentvolumes".into(), ..Scope::default() };
    UnreservedObject {
        scope: Scope { name: name.to_owned().into(), ..scope },
        uid: format!("uid-of-{name}"),
        keys: vec![key],
    }
}

#[tokio::test]
async fn a_reservation_of_its_own_is_kept_for_its_time_and_one_of_another_process_for_longer() {
    let log = Log::new();
    let Reserving::Done(attempt) = log.reserve("pv").await else { panic!("not reserved") };
    assert!(attempt.judged(Judgement::Allowed));
    log.add_foreign(0);
    log.collect(2).await;
    log.advance(RETENTION.own - Duration::from_millis(1));
    log.collect(2).await;
    log.advance(Duration::from_millis(1));
    log.collect(1).await;
    assert_eq!(log.names(), ["r-other-0"]);
    log.advance(RETENTION.foreign - RETENTION.own);
    log.collect(0).await;
    assert!(log.has_metric(r#"ordinance_reservations_collected_total{policy="storage"} 2"#));
}

#[tokio::test]
async fn an_attempt_without_an_admission_leaves_no_reservation() {
    let log = Log::new();
    for judgement in [Some(Judgement::Denied), Some(Judgement::Undecided), None] {
        let Reserving::Done(attempt) = log.reserve("pv").await else { panic!("not reserved") };
        assert_eq!(log.names().len(), 1);
        match judgement {
            Some(judgement) => assert!(!attempt.judged(judgement)),
            // The connection of the request is gone.
            None => drop(attempt),
        }
        log.collect(0).await;
    }
}

#[tokio::test]
async fn an_object_without_a_usable_uid_is_not_reserved() {
    let log = Log::new();
    for uid in ["", "a/b", "U", &"u".repeat(64)] {
        let object = UnreservedObject { uid: uid.to_owned(), ..object("pv") };
        let reserving = Arc::clone(&log.log).reserve(&object, Instant::now() + TIMEOUT).await;
        assert!(matches!(reserving, Reserving::Off(Unreserved::Unavailable)), "{uid}: {reserving:?}");
    }
}

/// Returns a log with this number of reservations whose objects were not stored in time.
fn with_abandoned(count: usize) -> Log {
    let log = Log::new();
    (0..count).for_each(|number| log.add_foreign(number));
    log.log.collect();
    log.advance(RETENTION.pending);
    while let [reservation, ..] = &*log.log.old() {
        log.log.abandoned(reservation);
    }
    log
}

#[tokio::test]
async fn a_realm_with_too_many_abandoned_reservations_takes_no_more() {
    let cases = [
        (ABANDONED_PER_INTERVAL, Duration::ZERO, true),
        (ABANDONED_PER_INTERVAL - 1, Duration::ZERO, false),
        (ABANDONED_PER_INTERVAL, ABANDONED_INTERVAL, false),
        (ABANDONED_PER_REALM, ABANDONED_INTERVAL, true),
        (ABANDONED_PER_REALM - 1, ABANDONED_INTERVAL, false),
        (ABANDONED_PER_REALM, RETENTION.own, false),
    ];
    for (count, age, is_full) in cases {
        let mut log = with_abandoned(count);
        log.advance(age);
        let reserving = log.reserve("pv").await;
        assert_eq!(matches!(reserving, Reserving::Needed), is_full, "{count} for {age:?}: {reserving:?}");
        let metric = r#"ordinance_reservation_attempts_total{policy="storage",outcome="Full"} 1"#;
        assert_eq!(log.has_metric(metric), is_full);
        let event = log.events.try_recv().ok();
        assert_eq!(event, is_full.then(|| ReportedEvent::of_full_realm("nfs://nas")));
    }
}

#[tokio::test]
async fn an_object_that_a_client_tries_again_and_again_counts_once() {
    let log = Log::new();
    log.add_foreign(0);
    log.log.collect();
    log.advance(RETENTION.pending);
    let old = log.log.old();
    (0..ABANDONED_PER_REALM).for_each(|_| log.log.abandoned(&old[0]));
    assert!(matches!(log.reserve("pv").await, Reserving::Done(_)));
}

#[tokio::test]
async fn a_reservation_is_old_once_its_object_is_stored_or_never_will_be() {
    let log = Log::new();
    (0..2).for_each(|number| log.add_foreign(number));
    log.log.collect();
    log.advance(RETENTION.pending - Duration::from_millis(1));
    assert_eq!(log.log.old(), []);
    log.advance(Duration::from_millis(1));
    assert_eq!(log.log.old().len(), 2);
    // A watch has reported the first one.
    let scope = Scope { version: "v1".into(), resource: "persistentvolumes".into(), ..Scope::default() };
    let key = Key {
        realm: "nfs://nas".to_owned(),
        path: vec!["other-0".to_owned()],
        stance: Stance::Holds,
        note: String::new(),
    };
    log.log.observed(&Scope { name: "other-0".into(), ..scope }, "other-0", &[key]);
    let names: Vec<String> = log.log.old().into_iter().map(|old| old.draft.name).collect();
    assert_eq!(names, ["r-other-1"]);
}

#[tokio::test]
async fn an_attempt_whose_reservation_is_deleted_admits_nothing() {
    let log = Log::new();
    let Reserving::Done(attempt) = log.reserve("pv").await else { panic!("not reserved") };
    log.log.watched(WatchEvent::Removed(log.names()[0].clone()));
    assert!(!attempt.judged(Judgement::Allowed));
    assert!(
        log.has_metric(r#"ordinance_reservation_attempts_total{policy="storage",outcome="Unavailable"} 1"#)
    );
}
