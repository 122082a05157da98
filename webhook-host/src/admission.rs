//! A policy with its memory of who holds what: the judge that the server asks.
//!
//! An object of a watched kind holds its keys from the moment that it is admitted — by the validating review, and not as a
//! dry run. Without a cluster it does until its deletion is admitted; with one, until a watch brings what is stored, and
//! from then on what is stored counts. Two requests that overlap are never both admitted on the same memory: what an
//! admission was decided on is looked up again under the lock that it is remembered under.

mod following;
mod memory;
mod stored;

pub use following::{Freshness, Sighting};

use crate::judge::Judge;
use crate::limits::Limits;
use crate::metrics::IndexMetrics;
use following::Following;
use memory::{Admitted, Memory};
use ordinance_contract::{Holding, Key, Operation, Phase, Request, Scope, Verdict};
use ordinance_engine::{Failure, Place};
use ordinance_engine::{Opened, Policy};
use ordinance_index::{Index, TooDeep, TooMany};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;
use stored::{Origin, Stored};

/// Segments of keys for which there is room, for each object that may be remembered. A deep key takes more memory.
const SEGMENTS_PER_OBJECT: usize = 8;

/// A policy and what it remembers.
pub struct Admission {
    policy: Arc<Policy>,
    memory: RwLock<Memory>,
    /// None without a cluster.
    following: Option<Following>,
    holdings: usize,
    objects: usize,
    metrics: IndexMetrics,
}

/// An object that is not remembered, though its kind is watched: the policy can't read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The object.
    pub object: Scope<'static>,
    /// Why, in one line.
    pub reason: String,
}

/// A verdict, and what it was decided on.
#[derive(Debug)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// None if nobody else mattered.
    basis: Option<Basis>,
}

/// The keys that were asked for, and who overlapped them.
#[derive(Debug)]
struct Basis {
    keys: Vec<Key>,
    holdings: Vec<Holding>,
}

// === impl Admission ===

impl Admission {
    /// A policy that remembers nothing yet.
    pub fn new(policy: impl Into<Arc<Policy>>, limits: &Limits) -> Self {
        Self {
            policy: policy.into(),
            memory: RwLock::default(),
            following: None,
            holdings: limits.holdings,
            objects: limits.remembered_objects,
            metrics: IndexMetrics::default(),
        }
    }

    /// The same policy, which remembers nothing yet, and shows nothing by any gauge.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self {
            policy: Arc::clone(&self.policy),
            memory: RwLock::default(),
            following: None,
            holdings: self.holdings,
            objects: self.objects,
            metrics: IndexMetrics::default(),
        }
    }

    /// Shows the size of its memory by these gauges from now on.
    #[must_use]
    pub fn shown_by(mut self, metrics: IndexMetrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How many objects hold or use something.
    pub fn remembered(&self) -> usize {
        self.memory.read().map_or(0, |memory| memory.index().len())
    }

    /// Remembers objects that exist already, each as JSON; kinds that the policy does not watch are passed over.
    ///
    /// Objects that the policy can't read are left out, and returned.
    ///
    /// # Errors
    ///
    /// There is no room for all of them.
    pub fn fill<'a>(
        &self,
        objects: impl IntoIterator<Item = (Scope<'a>, &'a str)>,
    ) -> Result<Vec<LeftOut>, Failure> {
        let mut left_out = Vec::new();
        for (scope, object) in objects {
            if !self.policy.watches(&scope) {
                continue;
            }
            match self.policy.keys(&scope, object) {
                Ok(Ok(keys)) => self.remember(self.write()?.index_mut(), &scope, keys)?,
                Ok(Err(reason)) => left_out.push(LeftOut { object: scope.into_owned(), reason }),
                Err(failure) => {
                    left_out.push(LeftOut { object: scope.into_owned(), reason: failure.to_string() });
                }
            }
        }
        Ok(left_out)
    }

    /// Decides on what is remembered now, and remembers nothing: several requests can be decided side by side, and
    /// [concluded](Self::conclude) one after the other as far as their decisions still [stand](Self::stands).
    ///
    /// # Errors
    ///
    /// Why there is no verdict.
    pub fn decide(&self, request: &Request<'_>, deadline: Instant) -> Result<Decision, Failure> {
        match self.policy.open(request, deadline)? {
            Opened::Decided(verdict) => Ok(Decision { verdict, basis: None }),
            Opened::Asks(keys, inquiry) => {
                let holdings = self.overlaps(self.current()?.index(), &keys, &request.scope)?;
                let verdict = inquiry.resume(&holdings)?;
                Ok(Decision { verdict, basis: Some(Basis { keys, holdings }) })
            }
        }
    }

    /// Whether it would be decided in the same way now: nobody came or went whom it depends on.
    ///
    /// # Errors
    ///
    /// Too many overlap by now.
    pub fn stands(&self, request: &Request<'_>, decision: &Decision) -> Result<bool, Failure> {
        let Some(Basis { keys, holdings }) = &decision.basis else { return Ok(true) };
        Ok(self.overlaps(self.current()?.index(), keys, &request.scope)? == *holdings)
    }

    /// Takes note of what was decided, if it lets an object in.
    ///
    /// # Errors
    ///
    /// There is no room to remember it.
    pub fn conclude(
        &self,
        request: &Request<'_>,
        decision: Decision,
        deadline: Instant,
    ) -> Result<Verdict, Failure> {
        if decision.verdict.allowed && self.concerns(request) {
            self.admit(request, decision, deadline)
        } else {
            Ok(decision.verdict)
        }
    }

    /// Whether an admission changes what exists.
    fn concerns(&self, request: &Request<'_>) -> bool {
        request.phase == Phase::Validate && !request.dry_run && self.policy.watches(&request.scope)
    }

    /// Takes note of an object that was allowed.
    fn admit(
        &self,
        request: &Request<'_>,
        decision: Decision,
        deadline: Instant,
    ) -> Result<Verdict, Failure> {
        let stored = Stored::from(request);
        if request.operation == Operation::Delete || stored.is_last {
            self.release(&stored.scope)?;
            return Ok(decision.verdict);
        }
        match (decision.basis, request.object.as_deref()) {
            (Some(basis), _) => self.hold(request, &stored.scope, decision.verdict, basis, deadline),
            (None, Some(object)) => {
                self.hold_alone(request, &stored.scope, object)?;
                Ok(decision.verdict)
            }
            (None, None) => Ok(decision.verdict),
        }
    }

    /// Forgets an object whose end was admitted. In a cluster that is told by a watch once it has come: until then the
    /// object may stay, for its finalizers or because somebody else refuses.
    fn release(&self, scope: &Scope<'_>) -> Result<(), Failure> {
        if self.following.is_none() {
            let mut memory = self.write()?;
            memory.index_mut().remove(scope);
            self.metrics.show(memory.index(), 0);
        }
        Ok(())
    }

    /// Remembers keys if the verdict stands on what is remembered now; judges again until it does.
    ///
    /// Whenever somebody comes in between, somebody was admitted: so of all that wait one gets on.
    fn hold(
        &self,
        request: &Request<'_>,
        scope: &Scope<'_>,
        mut verdict: Verdict,
        mut basis: Basis,
        deadline: Instant,
    ) -> Result<Verdict, Failure> {
        while verdict.allowed {
            let mut memory = self.write()?;
            let now = self.overlaps(memory.index(), &basis.keys, &request.scope)?;
            if now == basis.holdings {
                self.keep(&mut memory, request, scope, basis.keys)?;
                break;
            }
            drop(memory);
            verdict = self.policy.review(request, &now, deadline)?;
            basis.holdings = now;
        }
        Ok(verdict)
    }

    /// Remembers the keys of an object that was allowed whoever else is there.
    fn hold_alone(&self, request: &Request<'_>, scope: &Scope<'_>, object: &str) -> Result<(), Failure> {
        match self.policy.keys(scope, object)? {
            Ok(keys) => self.keep(&mut *self.write()?, request, scope, keys),
            // Why could quote the object, and nothing of that is logged.
            Err(_) => {
                let name = &self.policy.description().name;
                tracing::warn!(policy = name, resource = ?scope.resource, name = ?scope.name, "not remembered");
                Ok(())
            }
        }
    }

    fn keep(
        &self,
        memory: &mut Memory,
        request: &Request<'_>,
        scope: &Scope<'_>,
        keys: Vec<Key>,
    ) -> Result<(), Failure> {
        match &self.following {
            Some(following) => self.await_sight(memory, following, request, scope, keys),
            None => self.remember(memory.index_mut(), scope, keys),
        }
    }

    /// Keeps what was admitted until a watch brings it.
    fn await_sight(
        &self,
        memory: &mut Memory,
        following: &Following,
        request: &Request<'_>,
        scope: &Scope<'_>,
        keys: Vec<Key>,
    ) -> Result<(), Failure> {
        self.room(memory.pending(), memory.is_pending(scope), memory.pending_segments())?;
        let scope = scope.clone().into_owned();
        memory
            .admit(Admitted { scope, origin: Origin::from(request), keys, until: following.until() })
            .map_err(too_deep)?;
        self.metrics.show(memory.index(), memory.pending());
        Ok(())
    }

    /// Keeps it for good.
    fn remember(&self, index: &mut Index, scope: &Scope<'_>, keys: Vec<Key>) -> Result<(), Failure> {
        self.room(index.len(), index.contains(scope), index.segments())?;
        index.insert(scope.clone().into_owned(), keys).map_err(too_deep)?;
        self.metrics.show(index, 0);
        Ok(())
    }

    /// Whether there is room for one more object, or for one that is known.
    fn room(&self, objects: usize, is_known: bool, segments: usize) -> Result<(), Failure> {
        let full = objects >= self.objects && !is_known
            || segments >= self.objects.saturating_mul(SEGMENTS_PER_OBJECT);
        if full { Err(Failure::Full { limit: self.objects }) } else { Ok(()) }
    }

    fn overlaps(&self, index: &Index, keys: &[Key], except: &Scope<'_>) -> Result<Vec<Holding>, Failure> {
        index.overlaps(keys, except, self.holdings).map_err(too_many)
    }

    // A memory that a panic left half changed must not admit anybody.

    fn read(&self) -> Result<RwLockReadGuard<'_, Memory>, Failure> {
        self.memory.read().map_err(|_| Failure::NotReady)
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, Memory>, Failure> {
        self.memory.write().map_err(|_| Failure::NotReady)
    }
}

impl Judge for Admission {
    fn judge(&self, request: &Request<'_>, deadline: Instant) -> Result<Verdict, Failure> {
        let decision = self.decide(request, deadline)?;
        self.conclude(request, decision, deadline)
    }

    fn place(&self) -> Place {
        self.policy.place()
    }
}

fn too_many(error: TooMany) -> Failure {
    Failure::Holdings { limit: error.limit }
}

fn too_deep(error: TooDeep) -> Failure {
    Failure::Nonsense(error.to_string())
}
