//! One replica: from the wish to admit an object to the answer.

use crate::log::{Log, WatchEvent};
use crate::reservation::{Draft, HeldKey, Holder, Reservation};
use std::collections::BTreeMap;

/// The number of an attempt to admit an object, unique within its replica.
pub type AttemptId = u64;

/// An event that a replica reacts to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The policy admits an object on what is known now, and the object holds keys.
    Reserve(AttemptId, Draft),
    /// The result of an [`Output::Create`].
    Created(AttemptId, Creation),
    /// The watch of the log reports something.
    Watched(WatchEvent),
    /// A watch has reported an object, which holds these keys. Verdicts have to depend on it already.
    Observed(Holder, Vec<HeldKey>),
    /// A watch has reported that an object is deleted.
    Deleted(Holder),
    /// The watch has not reported the attempt's own reservation in time. The time starts with [`Input::Created`].
    WatchIsLate(AttemptId),
    /// The answer to [`Output::List`]: the reservations of the realms as they are stored now, or `None` if there is no answer.
    Listed(AttemptId, Option<Vec<Reservation>>),
    /// The policy's answer to [`Output::Judge`].
    Judged(AttemptId, Judgement),
    /// There is just enough time left to answer the request.
    TimeIsUp(AttemptId),
}

/// What became of the write of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Creation {
    /// It is stored.
    Stored,
    /// It is certain that it is not stored and never will be.
    Refused,
    /// It may be stored, now or later.
    Unknown,
}

/// The policy's verdict on an object, given what is stored and the reservations before its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Judgement {
    /// Admit it.
    Allowed,
    /// A stored object excludes it.
    Denied,
    /// An earlier reservation excludes it, and it is not known whether its object will be stored.
    Undecided,
}

/// An action that a replica asks its caller to perform.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Write this reservation.
    Create(AttemptId, Draft),
    /// List the reservations in these realms, as they are stored now.
    List(AttemptId, Vec<String>),
    /// Ask the policy about the object, given what is stored and these reservations of other objects.
    Judge(AttemptId, Vec<Reservation>),
    /// Delete the reservation with this name, if it exists. What remains of it is collected later.
    Delete(String),
    /// Answer the request.
    Answer(AttemptId, Answer),
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The object is admitted: it may be stored from now on.
    Allow,
    /// As the policy said.
    Deny,
    /// Nothing is known in time, so the client has to try again.
    Unavailable,
    /// The log takes no reservations.
    Unreserved,
}

/// The attempts of a replica, and the log as it knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Replica {
    log: Log,
    attempts: BTreeMap<AttemptId, Attempt>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Attempt {
    draft: Draft,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Progress {
    /// The reservation is being written.
    Creating,
    /// It is stored; the watch has not reported it yet.
    Awaiting,
    /// The reservations of its realms are being listed.
    Listing,
    /// The policy is asked.
    Judging,
}

// === impl Replica ===

impl Replica {
    /// Returns the log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Returns whether no attempt is under way.
    pub fn is_idle(&self) -> bool {
        self.attempts.is_empty()
    }

    /// Applies an input, and returns the actions to perform. Ignores inputs about attempts that have ended.
    pub fn step(&mut self, input: Input) -> Vec<Output> {
        match input {
            Input::Reserve(id, draft) => self.reserve(id, draft),
            Input::Created(id, creation) => self.created(id, creation),
            Input::Watched(event) => self.watched(&event),
            Input::Observed(holder, keys) => {
                self.log.settle(&holder, keys);
                Vec::new()
            }
            Input::Deleted(holder) => {
                self.log.release(&holder);
                Vec::new()
            }
            Input::WatchIsLate(id) => self.list_if(id, Progress::Awaiting),
            Input::Listed(id, listed) => self.listed(id, listed),
            Input::Judged(id, judgement) => self.judged(id, judgement),
            Input::TimeIsUp(id) => self.give_up(id),
        }
    }

    fn reserve(&mut self, id: AttemptId, draft: Draft) -> Vec<Output> {
        self.attempts.insert(id, Attempt { draft: draft.clone(), progress: Progress::Creating });
        vec![Output::Create(id, draft)]
    }

    fn created(&mut self, id: AttemptId, creation: Creation) -> Vec<Output> {
        let Some(attempt) =
            self.attempts.get_mut(&id).filter(|attempt| attempt.progress == Progress::Creating)
        else {
            return Vec::new();
        };
        match creation {
            Creation::Stored => {
                attempt.progress = Progress::Awaiting;
                Vec::new()
            }
            Creation::Refused => {
                self.attempts.remove(&id);
                vec![Output::Answer(id, Answer::Unreserved)]
            }
            Creation::Unknown => self.give_up(id),
        }
    }

    fn watched(&mut self, event: &WatchEvent) -> Vec<Output> {
        let gone = self.log.apply(event);
        match event {
            WatchEvent::Added(own) => self.seen_in_order(&own.draft.name),
            WatchEvent::Listed(own) => self.seen_in_list(&own.draft.name),
            WatchEvent::Removed(name) => self.lost(name),
            WatchEvent::ListFinished => gone.iter().flat_map(|name| self.lost(name)).collect(),
            WatchEvent::ListStarted => Vec::new(),
        }
    }

    /// Judges the attempt whose reservation is the next event: all earlier ones are known.
    fn seen_in_order(&mut self, name: &str) -> Vec<Output> {
        self.attempt_named(name).map_or_else(Vec::new, |id| self.judge_by_log(id))
    }

    /// Lists for the attempt whose reservation is in a list of the watch: earlier ones may follow it there.
    fn seen_in_list(&mut self, name: &str) -> Vec<Output> {
        let Some(id) = self.attempt_named(name) else { return Vec::new() };
        let mut outputs = self.list_if(id, Progress::Creating);
        outputs.append(&mut self.list_if(id, Progress::Awaiting));
        outputs
    }

    /// Ends an attempt whose reservation is gone: others may have been admitted since.
    fn lost(&mut self, name: &str) -> Vec<Output> {
        let is_created = |id: &AttemptId| {
            self.attempts.get(id).is_some_and(|attempt| attempt.progress != Progress::Creating)
        };
        match self.attempt_named(name).filter(is_created) {
            Some(id) => self.give_up(id),
            None => Vec::new(),
        }
    }

    fn judge_by_log(&mut self, id: AttemptId) -> Vec<Output> {
        let Some(attempt) = self.attempts.get(&id).filter(|attempt| attempt.progress != Progress::Judging)
        else {
            return Vec::new();
        };
        let Some(own) = self.log.find(&attempt.draft.name) else { return Vec::new() };
        let conflicts = self.log.conflicts(&attempt.draft).into_iter();
        let earlier = conflicts.filter(|other| other.precedes(own)).cloned().collect();
        self.judge(id, earlier)
    }

    fn listed(&mut self, id: AttemptId, listed: Option<Vec<Reservation>>) -> Vec<Output> {
        let Some(attempt) =
            self.attempts.get_mut(&id).filter(|attempt| attempt.progress == Progress::Listing)
        else {
            return Vec::new();
        };
        let Some(listed) = listed else {
            attempt.progress = Progress::Awaiting;
            return Vec::new();
        };
        let Some(own) = listed.iter().find(|own| own.draft.name == attempt.draft.name) else {
            return self.give_up(id);
        };
        let is_open = |other: &&Reservation| !self.log.is_settled(&other.draft.name);
        let conflicts = listed.iter().filter(is_open).filter(|other| other.draft.conflicts_with(&own.draft));
        let earlier = conflicts.filter(|other| other.precedes(own)).cloned().collect();
        self.judge(id, earlier)
    }

    fn judge(&mut self, id: AttemptId, earlier: Vec<Reservation>) -> Vec<Output> {
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.progress = Progress::Judging;
        }
        vec![Output::Judge(id, earlier)]
    }

    fn judged(&mut self, id: AttemptId, judgement: Judgement) -> Vec<Output> {
        let Some(attempt) = self.attempts.get(&id).filter(|attempt| attempt.progress == Progress::Judging)
        else {
            return Vec::new();
        };
        let name = attempt.draft.name.clone();
        self.attempts.remove(&id);
        match judgement {
            Judgement::Allowed => vec![Output::Answer(id, Answer::Allow)],
            Judgement::Denied => vec![Output::Delete(name), Output::Answer(id, Answer::Deny)],
            Judgement::Undecided => vec![Output::Delete(name), Output::Answer(id, Answer::Unavailable)],
        }
    }

    fn list_if(&mut self, id: AttemptId, progress: Progress) -> Vec<Output> {
        let Some(attempt) = self.attempts.get_mut(&id).filter(|attempt| attempt.progress == progress) else {
            return Vec::new();
        };
        attempt.progress = Progress::Listing;
        let mut realms: Vec<String> = attempt.draft.keys.iter().map(|key| key.realm.clone()).collect();
        realms.sort();
        realms.dedup();
        vec![Output::List(id, realms)]
    }

    fn give_up(&mut self, id: AttemptId) -> Vec<Output> {
        let Some(attempt) = self.attempts.remove(&id) else { return Vec::new() };
        vec![Output::Delete(attempt.draft.name), Output::Answer(id, Answer::Unavailable)]
    }

    fn attempt_named(&self, name: &str) -> Option<AttemptId> {
        self.attempts.iter().find(|(_, attempt)| attempt.draft.name == name).map(|(id, _)| *id)
    }
}
