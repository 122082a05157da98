//! The state of a race: its requests, the API server, and two replicas of the host.

use super::reviews::{KnownObjects, RaceReviews};
use ordinance_reservation::{
    Answer, AttemptId, Creation, Draft, Input, Judgement, Output, Replica, Reservation, WatchEvent,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The number of replicas.
const REPLICAS: usize = 2;

/// Where a request is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Progress {
    /// Its client has not sent it.
    NotSent,
    /// The mutating review is over; this is the object with the patch.
    Mutated(Arc<str>),
    /// A replica has reserved the keys of the object.
    Reserved(Arc<str>),
    /// The API server may store the object at any time.
    Admitted(Arc<str>),
    /// The object is stored.
    Stored(Arc<str>),
    /// The policy denies it.
    Denied,
    /// A reservation excludes it whose object may never be stored: the client has to try again.
    Unavailable,
}

/// What can happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RaceStep {
    /// A replica answers the mutating call.
    Mutate { request: usize, replica: usize },
    /// A replica gets the validating call.
    Validate { request: usize, replica: usize },
    /// A watch reports the next change of the reservations.
    WatchReservations { replica: usize },
    /// A replica's own reservation is late, so that it lists.
    List { request: usize, replica: usize },
    /// The API server stores an admitted object.
    Store { request: usize },
    /// A watch reports the next stored object.
    WatchObjects { replica: usize },
}

/// A state of a race.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RaceState {
    requests: Vec<Progress>,
    replicas: Vec<ReplicaState>,
    /// The reservations, by name.
    reservations: BTreeMap<String, Reservation>,
    /// The changes of the reservations, in order.
    changes: Vec<WatchEvent>,
    /// The stored requests, in order.
    stored: Vec<usize>,
    revision: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct ReplicaState {
    protocol: Replica,
    /// The requests that it validates.
    own: BTreeSet<usize>,
    /// Objects that it admitted.
    admitted: BTreeMap<usize, Arc<str>>,
    /// Objects that its watch has reported.
    known: BTreeMap<usize, Arc<str>>,
    /// The number of changes that its watch has reported.
    changes: usize,
    /// The number of stored objects that its watch has reported.
    stored: usize,
}

// === impl RaceState ===

impl RaceState {
    pub(super) fn new(requests: usize) -> Self {
        Self {
            requests: vec![Progress::NotSent; requests],
            replicas: vec![ReplicaState::default(); REPLICAS],
            reservations: BTreeMap::new(),
            changes: Vec::new(),
            stored: Vec::new(),
            revision: 0,
        }
    }

    pub(super) fn progress(&self, request: usize) -> Option<&Progress> {
        self.requests.get(request)
    }

    /// Returns the requests that are admitted or stored.
    pub(super) fn admitted(&self) -> BTreeSet<usize> {
        let is_admitted =
            |progress: &Progress| matches!(progress, Progress::Admitted(_) | Progress::Stored(_));
        let requests = self.requests.iter().enumerate();
        requests.filter(|(_, progress)| is_admitted(progress)).map(|(request, _)| request).collect()
    }

    /// Returns everything that can happen next.
    pub(super) fn steps(&self) -> Vec<RaceStep> {
        let mut steps = Vec::new();
        for (request, progress) in self.requests.iter().enumerate() {
            // The replicas are alike, so the first request goes to the first one.
            let replicas = if request == 0 { 0..1 } else { 0..REPLICAS };
            match progress {
                Progress::NotSent => {
                    steps.extend(replicas.map(|replica| RaceStep::Mutate { request, replica }))
                }
                Progress::Mutated(_) => {
                    steps.extend(replicas.map(|replica| RaceStep::Validate { request, replica }));
                }
                Progress::Reserved(_) => {
                    let is_own = |replica: &usize| self.replicas[*replica].own.contains(&request);
                    steps.extend(
                        (0..REPLICAS).filter(is_own).map(|replica| RaceStep::List { request, replica }),
                    );
                }
                Progress::Admitted(_) => steps.push(RaceStep::Store { request }),
                Progress::Stored(_) | Progress::Denied | Progress::Unavailable => {}
            }
        }
        for (replica, state) in self.replicas.iter().enumerate() {
            if state.changes < self.changes.len() {
                steps.push(RaceStep::WatchReservations { replica });
            }
            if state.stored < self.stored.len() {
                steps.push(RaceStep::WatchObjects { replica });
            }
        }
        steps
    }

    /// Returns the state after a step, and what happened.
    pub(super) fn after(&self, step: &RaceStep, reviews: &RaceReviews<'_>) -> Result<(Self, String), String> {
        let mut next = self.clone();
        let event = match *step {
            RaceStep::Mutate { request, replica } => next.mutate(request, replica, reviews)?,
            RaceStep::Validate { request, replica } => next.validate(request, replica, reviews)?,
            RaceStep::WatchReservations { replica } => next.watch_reservations(replica, reviews)?,
            RaceStep::List { request, replica } => {
                let results = next.step(replica, Input::WatchIsLate(request as AttemptId), reviews)?;
                let name = reviews.name(request);
                joined(format!("replica {} lists the reservations for {name}", replica + 1), &results)
            }
            RaceStep::Store { request } => next.store(request, reviews),
            RaceStep::WatchObjects { replica } => next.watch_objects(replica, reviews)?,
        };
        Ok((next, event))
    }

    fn mutate(
        &mut self,
        request: usize,
        replica: usize,
        reviews: &RaceReviews<'_>,
    ) -> Result<String, String> {
        let objects = self.replicas[replica].objects();
        let reserved = self.conflicts(request, replica, &reviews.sent(request), reviews)?;
        let known = KnownObjects { objects: &objects, reserved: &reserved };
        let mutated = reviews.mutated(request, &known)?;
        let word = if mutated.is_some() { "admits" } else { "denies" };
        self.requests[request] = match mutated {
            Some(object) => Progress::Mutated(object),
            None => Progress::Denied,
        };
        Ok(format!("the mutating review of {} at replica {} {word}", reviews.name(request), replica + 1))
    }

    fn validate(
        &mut self,
        request: usize,
        replica: usize,
        reviews: &RaceReviews<'_>,
    ) -> Result<String, String> {
        let Some(Progress::Mutated(object)) = self.requests.get(request).cloned() else {
            return Err("a request without an object was validated".to_owned());
        };
        let review = format!("the validating review of {} at replica {}", reviews.name(request), replica + 1);
        let objects = self.replicas[replica].objects();
        let reserved = self.conflicts(request, replica, &object, reviews)?;
        match judge(request, &object, &objects, &reserved, reviews)? {
            Judgement::Denied => {
                self.requests[request] = Progress::Denied;
                return Ok(format!("{review} denies"));
            }
            Judgement::Undecided => {
                self.requests[request] = Progress::Unavailable;
                return Ok(format!("{review} denies on a reservation: the client has to try again"));
            }
            Judgement::Allowed => {}
        }
        let keys = reviews.new_keys(request, &object)?;
        if keys.is_empty() {
            self.admit(request, replica, object);
            return Ok(format!("{review} admits: there is nothing to reserve"));
        }
        self.requests[request] = Progress::Reserved(object);
        self.replicas[replica].own.insert(request);
        let draft = Draft { name: name_of(request), holder: reviews.holder(request), keys };
        let results = self.step(replica, Input::Reserve(request as AttemptId, draft), reviews)?;
        Ok(joined(format!("{review} admits, and reserves its keys"), &results))
    }

    fn watch_reservations(&mut self, replica: usize, reviews: &RaceReviews<'_>) -> Result<String, String> {
        let state = &mut self.replicas[replica];
        let Some(event) = self.changes.get(state.changes).cloned() else {
            return Err("a watch without a change".to_owned());
        };
        state.changes += 1;
        let what = match &event {
            WatchEvent::Removed(name) => format!("the end of the reservation of request {}", number(name)),
            WatchEvent::Added(added) => format!("the reservation of request {}", number(&added.draft.name)),
            _ => "a list".to_owned(),
        };
        let results = self.step(replica, Input::Watched(event), reviews)?;
        Ok(joined(format!("replica {} sees {what}", replica + 1), &results))
    }

    fn store(&mut self, request: usize, reviews: &RaceReviews<'_>) -> String {
        if let Some(Progress::Admitted(object)) = self.requests.get(request).cloned() {
            self.requests[request] = Progress::Stored(object);
            self.stored.push(request);
        }
        format!("the API server stores the object of {}", reviews.name(request))
    }

    fn watch_objects(&mut self, replica: usize, reviews: &RaceReviews<'_>) -> Result<String, String> {
        let position = self.replicas[replica].stored;
        let request = self.stored.get(position).copied().ok_or("a watch without an object")?;
        self.replicas[replica].stored += 1;
        if let Some(Progress::Stored(object)) = self.requests.get(request).cloned() {
            let keys = reviews.held(request, reviews.keys(request, &object)?);
            self.replicas[replica].known.insert(request, object);
            self.replicas[replica].admitted.remove(&request);
            if !keys.is_empty() {
                self.step(replica, Input::Observed(reviews.holder(request), keys), reviews)?;
            }
        }
        Ok(format!("replica {} sees the object of {}", replica + 1, reviews.name(request)))
    }

    /// Passes something to the protocol of a replica, and does what it wants. Returns what that results in.
    fn step(
        &mut self,
        replica: usize,
        input: Input,
        reviews: &RaceReviews<'_>,
    ) -> Result<Vec<String>, String> {
        let mut results = Vec::new();
        let outputs = self.replicas[replica].protocol.step(input);
        for output in outputs {
            results.append(&mut self.perform(replica, output, reviews)?);
        }
        Ok(results)
    }

    fn perform(
        &mut self,
        replica: usize,
        output: Output,
        reviews: &RaceReviews<'_>,
    ) -> Result<Vec<String>, String> {
        match output {
            Output::Create(attempt, draft) => {
                self.revision += 1;
                let reservation = Reservation { revision: Some(self.revision), draft };
                self.reservations.insert(reservation.draft.name.clone(), reservation.clone());
                self.changes.push(WatchEvent::Added(reservation));
                self.step(replica, Input::Created(attempt, Creation::Stored), reviews)
            }
            Output::List(attempt, realms) => {
                let is_listed =
                    |found: &&Reservation| found.draft.keys.iter().any(|key| realms.contains(&key.realm));
                let listed = self.reservations.values().filter(is_listed).cloned().collect();
                self.step(replica, Input::Listed(attempt, Some(listed)), reviews)
            }
            Output::Judge(attempt, earlier) => self.judge(replica, attempt, &earlier, reviews),
            Output::Delete(name) => {
                if self.reservations.remove(&name).is_some() {
                    self.changes.push(WatchEvent::Removed(name));
                }
                Ok(Vec::new())
            }
            Output::Answer(attempt, answer) => Ok(vec![self.answer(replica, attempt, answer, reviews)]),
        }
    }

    /// Judges a request on what the replica's watches have reported and on the reservations before its own.
    fn judge(
        &mut self,
        replica: usize,
        attempt: AttemptId,
        earlier: &[Reservation],
        reviews: &RaceReviews<'_>,
    ) -> Result<Vec<String>, String> {
        let request = attempt as usize;
        let Some(Progress::Reserved(object)) = self.requests.get(request).cloned() else {
            return Ok(Vec::new());
        };
        let judgement = judge(request, &object, &self.replicas[replica].known, earlier, reviews)?;
        self.step(replica, Input::Judged(attempt, judgement), reviews)
    }

    fn answer(
        &mut self,
        replica: usize,
        attempt: AttemptId,
        answer: Answer,
        reviews: &RaceReviews<'_>,
    ) -> String {
        let request = attempt as usize;
        let name = reviews.name(request);
        self.replicas[replica].own.remove(&request);
        match (answer, self.requests.get(request).cloned()) {
            (Answer::Allow, Some(Progress::Reserved(object))) => {
                self.admit(request, replica, object);
                format!("it judges {name} again and admits")
            }
            (Answer::Deny, _) => {
                self.requests[request] = Progress::Denied;
                format!("it judges {name} again and denies")
            }
            _ => {
                self.requests[request] = Progress::Unavailable;
                format!("an earlier reservation excludes {name}: the client has to try again")
            }
        }
    }

    fn admit(&mut self, request: usize, replica: usize, object: Arc<str>) {
        self.replicas[replica].admitted.insert(request, Arc::clone(&object));
        self.requests[request] = Progress::Admitted(object);
    }

    /// Returns the reservations of others that a replica knows, and that overlap the keys of an object.
    fn conflicts(
        &self,
        request: usize,
        replica: usize,
        object: &Arc<str>,
        reviews: &RaceReviews<'_>,
    ) -> Result<Vec<Reservation>, String> {
        let keys = reviews.keys(request, object)?;
        let keys = keys.into_iter().map(|key| ordinance_reservation::HeldKey {
            realm: key.realm,
            path: key.path,
            note: key.note,
        });
        let draft = Draft { name: String::new(), holder: reviews.holder(request), keys: keys.collect() };
        Ok(self.replicas[replica].protocol.log().conflicts(&draft).into_iter().cloned().collect())
    }
}

// === impl ReplicaState ===

impl ReplicaState {
    /// Returns the objects that count for a first review: those that are known, and those that the replica admitted.
    fn objects(&self) -> BTreeMap<usize, Arc<str>> {
        let objects = self.known.iter().chain(&self.admitted);
        objects.map(|(request, object)| (*request, Arc::clone(object))).collect()
    }
}

/// Returns the policy's judgement. A denial that rests on reservations alone decides nothing.
fn judge(
    request: usize,
    object: &Arc<str>,
    objects: &BTreeMap<usize, Arc<str>>,
    reserved: &[Reservation],
    reviews: &RaceReviews<'_>,
) -> Result<Judgement, String> {
    let is_admitted = |reserved| reviews.is_admitted(request, object, &KnownObjects { objects, reserved });
    if is_admitted(reserved)? {
        return Ok(Judgement::Allowed);
    }
    if !reserved.is_empty() && is_admitted(&[])? { Ok(Judgement::Undecided) } else { Ok(Judgement::Denied) }
}

/// Returns the name of a request's reservation. Names sort against the order of creation, as random ones may.
fn name_of(request: usize) -> String {
    format!("reservation-{}-{}", 9 - request, request + 1)
}

/// Returns the number of the request in the name of its reservation.
fn number(name: &str) -> &str {
    name.rsplit('-').next().unwrap_or_default()
}

fn joined(event: String, results: &[String]) -> String {
    [&[event][..], results].concat().join("; ")
}
