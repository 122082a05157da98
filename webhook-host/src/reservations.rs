//! Reserves keys before an object is admitted, so that two replicas never admit two objects that exclude each other.
//!
//! [`ReservationLog`] drives the state machine of `crates/reservation`: it performs its outputs, and passes what comes back to
//! it. `docs/reservations.md` has the protocol.

mod store;

pub use store::ReservationStore;

use crate::clock::Clock;
use crate::events::{EventQueue, ReportedEvent};
use crate::metrics::{ReservationMetrics, ReservationOutcome};
use ordinance_contract::{Key, Scope, Stance};
use ordinance_engine::{UnreservedObject, is_label};
use ordinance_index::reserved;
use ordinance_reservation::{
    Answer, AttemptId, Collector, Creation, Draft, Holder, Input, Judgement, Output, Replica, Reservation,
    Retention, WatchEvent,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How long a replica waits for its own reservation before it lists.
pub const PATIENCE: Duration = Duration::from_millis(60);

/// How long before its deadline a request is given up, so that its answer arrives in time.
pub const ANSWER_MARGIN: Duration = Duration::from_millis(300);

/// How long a list that failed waits for the next one.
const LIST_PAUSE: Duration = Duration::from_millis(200);

/// Objects in one realm whose reservations were abandoned within the time that reservations are kept. With more, the realm takes
/// no new reservation.
pub const ABANDONED_PER_REALM: usize = 200;

/// Objects in one realm whose reservations were abandoned within [`ABANDONED_INTERVAL`]. With more, the realm takes no new
/// reservation.
pub const ABANDONED_PER_INTERVAL: usize = 20;

/// The reservations that are looked at in one round because they may be abandoned.
const OLD_RESERVATIONS: usize = 100;

/// The interval of [`ABANDONED_PER_INTERVAL`].
pub const ABANDONED_INTERVAL: Duration = Duration::from_secs(60);

/// The time between two looks for reservations that have served their time.
pub const COLLECTION_INTERVAL: Duration = Duration::from_secs(10);

/// Whether a request may be admitted without a reservation.
#[derive(Debug)]
pub enum Reserving {
    /// It needs one if it holds new keys.
    Needed,
    /// It gets none.
    Off(Unreserved),
    /// It has one.
    Done(Attempt),
}

/// Why a request gets no reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreserved {
    /// Any client may have sent it.
    Unverified,
    /// There is no API server, or it takes no reservations.
    Unavailable,
}

/// A written reservation whose request is not answered yet. Dropping it deletes the reservation.
pub struct Attempt {
    log: Arc<ReservationLog>,
    id: AttemptId,
    earlier: Vec<Reservation>,
    is_judged: bool,
}

/// The reservations for one policy.
pub struct ReservationLog {
    policy: String,
    /// Random, so that names of other processes differ.
    process: u32,
    store: Arc<dyn ReservationStore>,
    clock: Clock,
    /// When the log was made.
    origin: Instant,
    retention: Retention,
    metrics: ReservationMetrics,
    /// Where Events about full realms go, if they are written.
    events: Option<EventQueue>,
    /// Whether the API server has no such resource, or allows no access to it.
    is_missing: AtomicBool,
    machine: Mutex<Machine>,
    runtime: Handle,
}

struct Machine {
    replica: Replica,
    collector: Collector,
    next: AttemptId,
    abandoned: VecDeque<AbandonedReservation>,
    waiting: BTreeMap<AttemptId, oneshot::Sender<Reply>>,
}

/// A reservation whose object was not stored in time.
struct AbandonedReservation {
    since: Duration,
    realm: String,
    holder: Holder,
}

/// What a waiting request gets.
enum Reply {
    Judge(Vec<Reservation>),
    Answer(Answer),
}

// === impl Reserving ===

impl Reserving {
    /// Returns whether the request has a reservation.
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

// === impl ReservationLog ===

impl ReservationLog {
    /// Returns an empty log for a policy. `retention` has to exceed what [`Retention`] says. Must be called within a tokio runtime.
    pub fn new(
        policy: &str,
        store: Arc<dyn ReservationStore>,
        retention: Retention,
        clock: Clock,
        metrics: ReservationMetrics,
    ) -> Self {
        let machine = Machine {
            replica: Replica::default(),
            collector: Collector::new(retention),
            next: 0,
            abandoned: VecDeque::new(),
            waiting: BTreeMap::new(),
        };
        Self {
            policy: policy.to_owned(),
            process: fastrand::u32(..),
            store,
            origin: clock.now(),
            clock,
            retention,
            metrics,
            events: None,
            is_missing: AtomicBool::new(false),
            machine: Mutex::new(machine),
            runtime: Handle::current(),
        }
    }

    /// Writes an Event about each realm that takes no reservations.
    #[must_use]
    pub fn with_events(mut self, events: Option<EventQueue>) -> Self {
        self.events = events;
        self
    }

    /// Returns the policy whose keys are reserved.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Sets whether the API server has no such resource, or allows no access to it. Then nothing is reserved.
    pub fn set_missing(&self, is_missing: bool) {
        self.is_missing.store(is_missing, Ordering::Relaxed);
        self.metrics.show_available(!is_missing);
    }

    /// Returns whether nothing is reserved.
    pub fn is_missing(&self) -> bool {
        self.is_missing.load(Ordering::Relaxed)
    }

    /// Applies what the watch of the reservations reports.
    pub fn watched(self: &Arc<Self>, event: WatchEvent) {
        self.step(Input::Watched(event));
        let machine = self.machine();
        self.metrics.show(machine.replica.log());
    }

    /// Records that the index has this stored object with these keys: what it holds need not be reserved any more.
    pub fn observed(self: &Arc<Self>, scope: &Scope<'_>, uid: &str, keys: &[Key]) {
        let held: Vec<Key> = keys.iter().filter(|key| key.stance == Stance::Holds).cloned().collect();
        if !held.is_empty() {
            self.step(Input::Observed(reserved::holder(scope, uid), reserved::held_keys(scope, &held)));
        }
    }

    /// Records that an object is deleted.
    pub fn deleted(self: &Arc<Self>, scope: &Scope<'_>, uid: &str) {
        self.step(Input::Deleted(reserved::holder(scope, uid)));
    }

    /// Returns whether an object with this uid is reserved, and no watch has reported it.
    pub fn is_open(&self, uid: &str) -> bool {
        self.machine().replica.log().is_open(uid)
    }

    /// Returns the reservations of other objects that overlap these keys.
    pub fn conflicts(
        &self,
        scope: &Scope<'_>,
        uid: impl FnOnce() -> String,
        keys: &[Key],
    ) -> Vec<Reservation> {
        // Without the resource no watch tells which reservations are gone.
        if self.is_missing() || self.machine().replica.log().excludes_nothing() {
            return Vec::new();
        }
        let draft = Draft {
            name: String::new(),
            holder: reserved::holder(scope, &uid()),
            keys: reserved::held_keys(scope, keys),
        };
        self.machine().replica.log().conflicts(&draft).into_iter().cloned().collect()
    }

    /// Reserves the keys of an object, and waits until it is known which other reservations came first. [`Reserving::Needed`]
    /// says that this was not known in time.
    pub async fn reserve(self: Arc<Self>, object: &UnreservedObject, deadline: Instant) -> Reserving {
        if self.is_missing() || !is_label(&object.uid) {
            return Reserving::Off(Unreserved::Unavailable);
        }
        if let Some(realm) = self.full_realm(&object.keys) {
            self.report_full(realm);
            return Reserving::Needed;
        }
        let start = self.clock.now();
        let (mut attempt, replied) = self.begin(object);
        let left = deadline.saturating_duration_since(Instant::now());
        let until = deadline.checked_sub(ANSWER_MARGIN.min(left / 4)).unwrap_or(deadline);
        let reply = tokio::time::timeout_at(until.into(), replied).await;
        match reply {
            Ok(Ok(Reply::Judge(earlier))) => {
                self.metrics.waited(self.clock.now() - start);
                attempt.earlier = earlier;
                Reserving::Done(attempt)
            }
            Ok(Ok(Reply::Answer(Answer::Unreserved))) => Reserving::Off(Unreserved::Unavailable),
            _ => {
                self.metrics.count(ReservationOutcome::Unavailable);
                Reserving::Needed
            }
        }
    }

    /// Counts an object that is admitted without a reservation.
    pub fn count_unreserved(&self, why: Unreserved) {
        self.metrics.count(match why {
            Unreserved::Unverified => ReservationOutcome::Unverified,
            Unreserved::Unavailable => ReservationOutcome::Unreserved,
        });
    }

    /// Deletes the reservations that have served their time.
    pub fn collect(self: &Arc<Self>) {
        let mut machine = self.machine();
        let Machine { replica, collector, .. } = &mut *machine;
        let own = format!("-{:08x}", self.process);
        let is_own = |reservation: &Reservation| reservation.draft.name.contains(&own);
        let due = collector.look(replica.log(), self.age(), is_own);
        let due: Vec<String> = due.into_iter().map(str::to_owned).collect();
        drop(machine);
        self.metrics.collected(due.len());
        self.perform(due.into_iter().map(Output::Delete).collect());
    }

    /// Returns open reservations whose objects are stored by now, or never will be.
    pub fn old(&self) -> Vec<Reservation> {
        let machine = self.machine();
        let (Machine { replica, collector, .. }, now) = (&*machine, self.age());
        let is_old = |name: &str| collector.age(name, now).is_some_and(|age| age >= self.retention.pending);
        let is_open = |found: &&Reservation| !found.draft.keys.is_empty() && is_old(&found.draft.name);
        replica.log().iter().filter(is_open).take(OLD_RESERVATIONS).cloned().collect()
    }

    /// Records that the API server does not store the object of an old reservation, and so never will.
    pub fn abandoned(self: &Arc<Self>, reservation: &Reservation) {
        let Draft { holder, keys, .. } = &reservation.draft;
        let (mut machine, since) = (self.machine(), self.age());
        for key in keys {
            let (realm, holder) = (key.realm.clone(), holder.clone());
            machine.abandoned.push_back(AbandonedReservation { since, realm, holder });
        }
        drop(machine);
        self.step(Input::Deleted(holder.clone()));
    }

    /// Returns a realm with too many abandoned reservations. One object counts once, however often its client tries.
    fn full_realm<'k>(&self, keys: &'k [Key]) -> Option<&'k str> {
        let (mut machine, now, kept) = (self.machine(), self.age(), self.retention.own);
        machine.abandoned.retain(|abandoned| now.saturating_sub(abandoned.since) < kept);
        let count = |realm: &str, time: Duration| {
            let is_of = |found: &&AbandonedReservation| {
                found.realm == realm && now.saturating_sub(found.since) < time
            };
            let holders = machine.abandoned.iter().filter(is_of).map(|found| &found.holder);
            holders
                .map(|holder| (&holder.resource, &holder.namespace, &holder.name))
                .collect::<BTreeSet<_>>()
                .len()
        };
        let is_full = |realm: &&str| {
            count(realm, kept) >= ABANDONED_PER_REALM
                || count(realm, ABANDONED_INTERVAL) >= ABANDONED_PER_INTERVAL
        };
        keys.iter().map(|key| &*key.realm).find(is_full)
    }

    fn report_full(&self, realm: &str) {
        tracing::warn!(policy = self.policy, ?realm, "no reservation: too many abandoned ones in this realm");
        self.metrics.count(ReservationOutcome::Full);
        if let Some(events) = &self.events {
            events.push(ReportedEvent::of_full_realm(realm));
        }
    }

    fn begin(self: &Arc<Self>, object: &UnreservedObject) -> (Attempt, oneshot::Receiver<Reply>) {
        let (sender, replied) = oneshot::channel();
        let mut machine = self.machine();
        machine.next += 1;
        let id = machine.next;
        machine.waiting.insert(id, sender);
        let draft = Draft {
            name: format!("r-{}-{:08x}{id:08x}", object.uid, self.process),
            holder: reserved::holder(&object.scope, &object.uid),
            keys: reserved::held_keys(&object.scope, &object.keys),
        };
        let outputs = machine.replica.step(Input::Reserve(id, draft));
        drop(machine);
        self.perform(outputs);
        let attempt = Attempt { log: Arc::clone(self), id, earlier: Vec::new(), is_judged: false };
        (attempt, replied)
    }

    /// Passes something to the state machine, and performs what it wants.
    fn step(self: &Arc<Self>, input: Input) {
        let mut machine = self.machine();
        let outputs = machine.replica.step(input);
        let others = outputs.into_iter().filter_map(|output| machine.reply(output)).collect();
        drop(machine);
        self.perform(others);
    }

    /// Performs writes, lists and deletions in tasks of their own.
    fn perform(self: &Arc<Self>, outputs: Vec<Output>) {
        for output in outputs {
            let log = Arc::clone(self);
            match output {
                Output::Create(id, draft) => drop(self.runtime.spawn(log.create(id, draft))),
                Output::List(id, realms) => drop(self.runtime.spawn(log.list(id, realms))),
                Output::Delete(name) => {
                    drop(self.runtime.spawn(async move { log.store.delete(&name).await }));
                }
                Output::Judge(..) | Output::Answer(..) => {}
            }
        }
    }

    async fn create(self: Arc<Self>, id: AttemptId, draft: Draft) {
        let creation = self.store.create(&self.policy, &draft).await;
        self.step(Input::Created(id, creation));
        if creation == Creation::Stored {
            tokio::time::sleep(PATIENCE).await;
            self.step(Input::WatchIsLate(id));
        }
    }

    async fn list(self: Arc<Self>, id: AttemptId, realms: Vec<String>) {
        self.metrics.listed();
        let listed = self.store.list(&self.policy, &realms).await;
        let has_failed = listed.is_none();
        self.step(Input::Listed(id, listed));
        if has_failed {
            tokio::time::sleep(LIST_PAUSE).await;
            self.step(Input::WatchIsLate(id));
        }
    }

    /// Returns the time since the log was made.
    fn age(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.origin)
    }

    /// A panic under the lock can only leave an attempt without an answer, which is then given up.
    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ReservationLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReservationLog").field("policy", &self.policy).finish_non_exhaustive()
    }
}

// === impl Machine ===

impl Machine {
    /// Passes a reply to the request that waits for it. Returns all other outputs.
    fn reply(&mut self, output: Output) -> Option<Output> {
        let (id, reply) = match output {
            Output::Judge(id, earlier) => (id, Reply::Judge(earlier)),
            Output::Answer(id, answer) => (id, Reply::Answer(answer)),
            other => return Some(other),
        };
        // A request that has stopped waiting drops its attempt, which ends it.
        if let Some(waiting) = self.waiting.remove(&id) {
            let _ = waiting.send(reply);
        }
        None
    }
}

// === impl Attempt ===

impl Attempt {
    /// Returns the overlapping reservations of other objects before this one.
    pub fn earlier(&self) -> &[Reservation] {
        &self.earlier
    }

    /// Ends the attempt with the policy's verdict, and returns whether the object is admitted: not if its reservation is gone.
    /// Anything but [`Judgement::Allowed`] deletes the reservation.
    pub fn judged(mut self, judgement: Judgement) -> bool {
        self.is_judged = true;
        let outputs = self.log.machine().replica.step(Input::Judged(self.id, judgement));
        let is_admitted = outputs.contains(&Output::Answer(self.id, Answer::Allow));
        self.log.metrics.count(match judgement {
            Judgement::Allowed if is_admitted => ReservationOutcome::Allowed,
            Judgement::Allowed => ReservationOutcome::Unavailable,
            Judgement::Denied => ReservationOutcome::Denied,
            Judgement::Undecided => ReservationOutcome::Undecided,
        });
        self.log.perform(outputs);
        is_admitted
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.is_judged {
            self.log.step(Input::TimeIsUp(self.id));
        }
        self.log.machine().waiting.remove(&self.id);
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Attempt").field("id", &self.id).finish_non_exhaustive()
    }
}
