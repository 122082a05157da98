//! The reviews of a race. The same review of many states is asked only once.

use crate::policy::ReviewTrace;
use crate::problem::CaseProblem;
use crate::race::Explored;
use crate::world::{World, mutated};
use ordinance_case::{Case, race_request_name};
use ordinance_contract::{Key, Operation, Phase, Request, Scope, Stance, Verdict};
use ordinance_index::{Index, reserved};
use ordinance_reservation::{HeldKey, Holder, Reservation};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The keys of a request's object, by the position of the request and the text of the object.
type KeysByReview = HashMap<(usize, Arc<str>), Vec<Key>>;

/// The requests of a race, and the policy's answers to them.
pub(super) struct RaceReviews<'w> {
    world: &'w World<'w>,
    requests: Vec<Request<'static>>,
    answers: RefCell<HashMap<Question, Result<Arc<ReviewTrace>, String>>>,
    keys: RefCell<KeysByReview>,
    fired: RefCell<BTreeSet<String>>,
}

/// What a review depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    request: usize,
    phase: Phase,
    object: Arc<str>,
    /// The objects of the race that count, with their content.
    objects: BTreeMap<usize, Arc<str>>,
    reserved: Vec<Reservation>,
}

/// The other objects of the race that a review knows.
pub(super) struct KnownObjects<'a> {
    /// Stored ones that a watch has reported, and those that the replica admitted.
    pub(super) objects: &'a BTreeMap<usize, Arc<str>>,
    /// Reservations that count.
    pub(super) reserved: &'a [Reservation],
}

// === impl RaceReviews ===

impl<'w> RaceReviews<'w> {
    pub(super) fn new(case: &Case, world: &'w World<'w>) -> Result<Self, String> {
        let requests = case.race.clone();
        for (position, request) in requests.iter().enumerate() {
            let same = requests.iter().take(position).any(|other| other.scope == request.scope);
            if same {
                return Err(format!(
                    "race[{position}]: is about the object of an earlier request; name another one"
                ));
            }
        }
        let (answers, keys, fired) = Default::default();
        Ok(Self { world, requests, answers, keys, fired })
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn explored(&self, states: usize, problem: Option<CaseProblem>) -> Explored {
        Explored { states, fired: self.fired.take(), problem }
    }

    /// Returns the number and the object of a request, for people.
    pub(super) fn name(&self, request: usize) -> String {
        race_request_name(request, &self.scope(request))
    }

    pub(super) fn scope(&self, request: usize) -> Scope<'static> {
        self.requests.get(request).map(|request| request.scope.clone()).unwrap_or_default()
    }

    /// Returns the object as the client sends it.
    pub(super) fn sent(&self, request: usize) -> Arc<str> {
        let object = self.requests.get(request).and_then(|request| request.object.as_deref());
        object.unwrap_or_default().into()
    }

    pub(super) fn holder(&self, request: usize) -> Holder {
        reserved::holder(&self.scope(request), &format!("race-{request}"))
    }

    /// Returns the object with the patch of the mutating review, or `None` if it denies.
    pub(super) fn mutated(
        &self,
        request: usize,
        known: &KnownObjects<'_>,
    ) -> Result<Option<Arc<str>>, String> {
        let object = self.sent(request);
        let trace = self.trace(request, Phase::Mutate, &object, known)?;
        if !trace.verdict.is_allowed() {
            return Ok(None);
        }
        Ok(Some(mutated(&object, &trace.verdict)?.object.into()))
    }

    /// Returns whether the validating review admits an object.
    pub(super) fn is_admitted(
        &self,
        request: usize,
        object: &Arc<str>,
        known: &KnownObjects<'_>,
    ) -> Result<bool, String> {
        Ok(self.trace(request, Phase::Validate, object, known)?.verdict.is_allowed())
    }

    /// Returns all keys of an object. An object that the policy does not watch, or can't read, has none.
    pub(super) fn keys(&self, request: usize, object: &Arc<str>) -> Result<Vec<Key>, String> {
        let scope = self.scope(request);
        if !self.world.watches(&scope) {
            return Ok(Vec::new());
        }
        if let Some(keys) = self.keys.borrow().get(&(request, Arc::clone(object))) {
            return Ok(keys.clone());
        }
        let keys = self.world.keys(&scope, object)?.unwrap_or_default();
        self.keys.borrow_mut().insert((request, Arc::clone(object)), keys.clone());
        Ok(keys)
    }

    /// Returns the keys that an object holds and that its stored state does not: those that it reserves.
    pub(super) fn new_keys(&self, request: usize, object: &Arc<str>) -> Result<Vec<HeldKey>, String> {
        let mut keys = self.keys(request, object)?;
        let updated = self.requests.get(request).filter(|request| request.operation == Operation::Update);
        if let Some(before) = updated.and_then(|request| request.old_object.as_deref()) {
            let held = self.keys(request, &before.into())?;
            keys.retain(|key| !held.contains(key));
        }
        Ok(self.held(request, keys))
    }

    /// Returns those keys that are held, as the index keeps them.
    pub(super) fn held(&self, request: usize, mut keys: Vec<Key>) -> Vec<HeldKey> {
        keys.retain(|key| key.stance == Stance::Holds);
        reserved::held_keys(&self.scope(request), &keys)
    }

    fn trace(
        &self,
        request: usize,
        phase: Phase,
        object: &Arc<str>,
        known: &KnownObjects<'_>,
    ) -> Result<Arc<ReviewTrace>, String> {
        let question = Question {
            request,
            phase,
            object: Arc::clone(object),
            objects: known.objects.clone(),
            reserved: known.reserved.to_vec(),
        };
        if let Some(answer) = self.answers.borrow().get(&question) {
            return answer.clone();
        }
        let answer = self.ask(&question).map(Arc::new);
        self.answers.borrow_mut().insert(question, answer.clone());
        answer
    }

    fn ask(&self, question: &Question) -> Result<ReviewTrace, String> {
        let index = self.index(question)?;
        let Some(request) = self.requests.get(question.request) else {
            return Err("no such request".to_owned());
        };
        let object = Some(question.object.to_string().into());
        let trace =
            self.world.trace_with(&Request { phase: question.phase, object, ..request.clone() }, &index)?;
        self.fired.borrow_mut().extend(rules(&trace.verdict));
        Ok(trace)
    }

    /// Returns the index of a replica: the objects of the state, those of the race that count, and the reservations.
    fn index(&self, question: &Question) -> Result<Index, String> {
        let mut index = Index::default();
        let mut entries: BTreeMap<Scope<'static>, Vec<Key>> = self.world.stored().iter().cloned().collect();
        for (request, object) in &question.objects {
            entries.insert(self.scope(*request), self.keys(*request, object)?);
        }
        for Reservation { draft, .. } in &question.reserved {
            let keys = entries.entry(reserved::scope(&draft.holder)).or_default();
            keys.extend(draft.keys.iter().map(reserved::contract_key));
        }
        for (scope, keys) in entries {
            // The host leaves such an object out, too.
            let _left_out = index.insert(&scope, &keys);
        }
        Ok(index)
    }
}

fn rules(verdict: &Verdict) -> impl Iterator<Item = String> {
    verdict.findings.iter().map(|finding| finding.rule.clone())
}
