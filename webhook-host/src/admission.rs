//! Decides admission requests with a policy and an index of the keys that other objects hold.
//!
//! An admitted object of a watched kind holds its keys from its validating review on, unless that is a dry run. Without a
//! cluster it holds them until its deletion is admitted. With a cluster this is so only of kinds that the webhooks validate,
//! and the object holds its keys until a watch reports it; from then on the stored object counts. Before an admission enters
//! the index, the overlapping holdings are looked up again under the same lock, so this process never admits two conflicting
//! objects on the same state, except for the pending objects that do not count any more (`memory.rs`).
//!
//! Any client may have sent a review. So with a cluster no denial and no patch rests on pending objects alone: the API server is
//! asked whether it stores them.

mod cluster_view;
mod confirmation;
mod left_out;
mod memory;
mod mutation;
mod observation;
mod target;

pub use cluster_view::{Freshness, StoredObjects};
pub(crate) use mutation::operations;
pub use mutation::{Mutation, patched};
pub use observation::ObservedObject;

use crate::clock::Clock;
use crate::judge::Judge;
use crate::limits::Limits;
use crate::metrics::IndexMetrics;
use crate::reservations::{ReservationLog, Reserving, Unreserved};
use cluster_view::ClusterView;
use confirmation::OpenQuestion;
use futures_util::future::BoxFuture;
use left_out::LeftOut;
use memory::{AdmittedObject, Excess, Memory, PendingLimits, View};
use ordinance_contract::{Holding, Key, Operation, Phase, Request, Scope, Stance, Verdict};
use ordinance_engine::{
    Execution, Failure, PendingReview, Policy, ReviewTrace, StartedReview, UnreservedObject,
};
use ordinance_index::{Index, ObjectTooLarge, TooMany, reserved};
use ordinance_manifests::Manifest;
use rayon::prelude::*;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};
use target::{BaseState, TargetObject};

/// The number of stored objects whose keys are computed before they enter the index together.
const FILL_BATCH: usize = 4096;

/// A policy and its index.
pub struct Admission {
    policy: Arc<Policy>,
    memory: Arc<RwLock<Memory>>,
    /// `None` without a cluster.
    cluster: Option<Arc<ClusterView>>,
    limits: IndexLimits,
    purpose: Purpose,
    left_out: Arc<LeftOut>,
    metrics: IndexMetrics,
}

/// What the index is looked up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To decide requests.
    Requests,
    /// To audit what is stored. Admitted objects that no watch has reported do not count.
    Audit,
}

/// The limits of an index.
#[derive(Clone, Copy, Debug)]
struct IndexLimits {
    /// Holdings that one review receives.
    holdings: usize,
    /// Objects without a cluster.
    objects: usize,
    /// Admitted objects that no watch has reported.
    pending: usize,
    bytes: usize,
}

/// An object of a watched kind that is not in the index because the policy can't read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableObject {
    /// The object's resource, namespace and name.
    pub object: Scope<'static>,
    /// The policy's reason, in one line. It may quote the object.
    pub reason: String,
}

/// A verdict with the holdings that it depends on.
#[derive(Debug)]
pub struct Decision {
    /// The policy's verdict.
    pub verdict: Verdict,
    /// `None` if the verdict depends on no other object.
    basis: Option<Basis>,
}

/// The keys of a request, and the holdings that overlapped them at the time of its decision.
#[derive(Debug)]
struct Basis {
    keys: Vec<Key>,
    holdings: Vec<Holding>,
    /// Which objects count.
    view: View,
    /// The version of the memory in which they overlapped; `None` if they were looked up in several.
    version: Option<u64>,
    /// The reservations of other objects that count, too.
    reserved: Option<Box<Index>>,
}

// === impl Admission ===

impl Admission {
    /// Returns the policy with an empty index.
    pub fn new(policy: impl Into<Arc<Policy>>, limits: &Limits) -> Self {
        let limits = IndexLimits {
            holdings: limits.holdings,
            objects: limits.remembered_objects,
            pending: limits.pending_objects,
            bytes: limits.index_bytes,
        };
        Self::with_limits(policy.into(), limits)
    }

    fn with_limits(policy: Arc<Policy>, limits: IndexLimits) -> Self {
        Self {
            policy,
            memory: Arc::default(),
            cluster: None,
            limits,
            purpose: Purpose::Requests,
            left_out: Arc::default(),
            metrics: IndexMetrics::default(),
        }
    }

    /// Returns the same policy with an empty index, without a cluster and without registered metrics.
    #[must_use]
    pub fn with_empty_memory(&self) -> Self {
        Self::with_limits(Arc::clone(&self.policy), self.limits)
    }

    /// Summarizes the holdings of one place if more overlap than a review may receive. An audit then tells of a place that
    /// hundreds of objects hold, where the review of a request fails.
    #[must_use]
    pub fn with_summaries(self) -> Self {
        Self { purpose: Purpose::Audit, ..self }
    }

    /// Returns an audit's view of the same index, for a policy that names the same keys: this one, or the same component with
    /// settings that enforce. Holdings are summarized as by [`with_summaries`](Self::with_summaries).
    #[must_use]
    pub fn auditing(&self, policy: Arc<Policy>) -> Self {
        Self {
            policy,
            memory: Arc::clone(&self.memory),
            cluster: self.cluster.clone(),
            limits: self.limits,
            purpose: Purpose::Audit,
            left_out: Arc::clone(&self.left_out),
            metrics: self.metrics.clone(),
        }
    }

    /// Shows the size of the index in these metrics.
    #[must_use]
    pub fn with_metrics(mut self, metrics: IndexMetrics) -> Self {
        metrics.show_limit(self.limits.bytes);
        self.metrics = metrics;
        self
    }

    /// Takes the index from a cluster: requests are decided only while `freshness` is current, and an admitted object
    /// counts for `pending_time` by `clock`, or until a watch reports it.
    #[must_use]
    pub fn with_cluster(
        mut self,
        freshness: Arc<dyn Freshness>,
        clock: Clock,
        pending_time: Duration,
    ) -> Self {
        self.cluster = Some(Arc::new(ClusterView::new(freshness, clock, pending_time, self.limits.pending)));
        self
    }

    /// Sets where to ask whether an admitted object is stored. Without it, no admitted object counts before a watch reports
    /// it. Does nothing without a cluster, or the second time.
    pub fn confirm_with(&self, stored: Arc<dyn StoredObjects>) {
        if let Some(cluster) = &self.cluster {
            let _ = cluster.stored.set(stored);
        }
    }

    /// Sets where keys are reserved before an object is admitted. Does nothing without a cluster, or the second time.
    pub fn reserve_with(&self, reservations: Arc<ReservationLog>) {
        if let Some(cluster) = &self.cluster {
            let _ = cluster.reservations.set(reservations);
        }
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Returns the number of objects in the index.
    pub fn remembered(&self) -> usize {
        self.memory.read().map_or(0, |memory| memory.index().len())
    }

    /// Adds objects that exist already, each as JSON, and skips kinds that the policy does not watch.
    ///
    /// Returns the objects that the policy can't read; they are not in the index.
    ///
    /// # Errors
    ///
    /// [`Failure::Full`] or [`Failure::IndexFull`] if the index has no room for all objects.
    pub fn fill<'a>(
        &self,
        objects: impl IntoIterator<Item = (Scope<'a>, impl AsRef<str>)>,
    ) -> Result<Vec<UnreadableObject>, Failure> {
        let mut unreadable = Vec::new();
        for (scope, object) in objects {
            if !self.policy.watches(&scope) {
                continue;
            }
            unreadable.extend(self.enter_stored(&scope, self.policy.keys(&scope, object.as_ref()))?);
        }
        Ok(unreadable)
    }

    /// Adds stored objects as [`fill`](Self::fill) does, and asks the policy for their keys in parallel.
    ///
    /// # Errors
    ///
    /// [`Failure::Full`] or [`Failure::IndexFull`] if the index has no room for all objects.
    pub fn fill_in_parallel(&self, objects: &[&Manifest]) -> Result<Vec<UnreadableObject>, Failure> {
        let mut unreadable = Vec::new();
        for batch in objects.chunks(FILL_BATCH) {
            let keys = |object: &&Manifest| {
                let is_watched = self.policy.watches(&object.scope);
                is_watched.then(|| self.policy.keys(&object.scope, &object.json))
            };
            let keys: Vec<_> = batch.par_iter().map(keys).collect();
            for (object, keys) in batch.iter().zip(keys) {
                if let Some(keys) = keys {
                    unreadable.extend(self.enter_stored(&object.scope, keys)?);
                }
            }
        }
        Ok(unreadable)
    }

    /// Enters the keys of a stored object. Returns the object if the policy can't read it.
    fn enter_stored(
        &self,
        scope: &Scope<'_>,
        keys: Result<Result<Vec<Key>, String>, Failure>,
    ) -> Result<Option<UnreadableObject>, Failure> {
        let reason = match keys {
            Ok(Ok(keys)) => {
                self.insert(self.write()?.index_mut(), scope, keys)?;
                return Ok(None);
            }
            Ok(Err(reason)) => reason,
            Err(failure) => failure.to_string(),
        };
        Ok(Some(UnreadableObject { object: scope.clone().into_owned(), reason }))
    }

    /// Decides a request against the current index and changes nothing. A caller can decide several requests in parallel
    /// and [conclude](Self::conclude) them one after the other, as long as their decisions still [stand](Self::stands).
    ///
    /// # Errors
    ///
    /// The reason why the policy gave no verdict.
    pub fn decide(&self, request: &Request<'_>, deadline: Instant) -> Result<Decision, Failure> {
        self.decide_reserving(request, deadline, &Reserving::Off(Unreserved::Unavailable))
    }

    /// Decides a request against the current index as [`decide`](Self::decide) does without a cluster, and returns the steps
    /// too. Changes nothing.
    pub fn trace(&self, request: &Request<'_>, deadline: Instant) -> ReviewTrace {
        let holdings = |keys: &[Key]| {
            let memory = self.current()?;
            self.overlaps(&memory, View::All, None, keys, &request.scope)
        };
        self.policy.trace(request, holdings, deadline)
    }

    fn decide_reserving(
        &self,
        request: &Request<'_>,
        deadline: Instant,
        reserving: &Reserving,
    ) -> Result<Decision, Failure> {
        match self.policy.start_review(request, deadline)? {
            StartedReview::Decided(verdict) => Ok(Decision { verdict, basis: None }),
            StartedReview::NeedsHoldings(..) if self.left_out.affects(&request.scope.namespace) => {
                Err(Failure::IndexFull { limit: self.limits.bytes })
            }
            StartedReview::NeedsHoldings(keys, pending) if self.purpose == Purpose::Audit => {
                self.decide_on_stored(request, keys, pending)
            }
            StartedReview::NeedsHoldings(keys, pending) => {
                // Reservations before objects: an object is in the index before its reservation stops to count.
                let reserved = self.reserved(request, &keys, reserving);
                let memory = self.current()?;
                // What this process has admitted with a reservation is among the earlier ones.
                let view = if reserving.is_done() { View::Known } else { View::All };
                let holdings = self.overlaps(&memory, view, reserved.as_deref(), &keys, &request.scope);
                let version = Some(memory.version());
                let unconfirmed = match view {
                    View::All => memory.unconfirmed(&keys, &request.scope),
                    View::Known => Vec::new(),
                };
                drop(memory);
                let verdict = match holdings {
                    Ok(holdings) => pending.resume(&holdings).map(|verdict| (holdings, verdict)),
                    Err(failure) => Err(failure),
                };
                if !unconfirmed.is_empty() || reserved.is_some() {
                    let question = OpenQuestion { keys, unconfirmed, reserved, view, with: verdict };
                    return self.decide_on_known(request, question, deadline, reserving);
                }
                let (holdings, verdict) = verdict?;
                Ok(Decision { verdict, basis: Some(Basis { keys, holdings, view, version, reserved }) })
            }
        }
    }

    /// Decides a review of an audit: neither reservations nor admitted objects count before they are stored.
    fn decide_on_stored(
        &self,
        request: &Request<'_>,
        keys: Vec<Key>,
        pending: PendingReview<'_>,
    ) -> Result<Decision, Failure> {
        let (view, reserved) = (View::Known, None);
        let holdings = self.overlaps(&*self.current()?, view, None, &keys, &request.scope)?;
        let verdict = pending.resume(&holdings)?;
        Ok(Decision { verdict, basis: Some(Basis { keys, holdings, view, version: None, reserved }) })
    }

    /// Returns the reservations of other objects that count for a request: those before its own, or all that are known.
    fn reserved(&self, request: &Request<'_>, keys: &[Key], reserving: &Reserving) -> Option<Box<Index>> {
        match (reserving, self.reservations()) {
            (Reserving::Done(attempt), _) => reserved::index_of(attempt.earlier()),
            (_, Some(log)) => {
                let uid = || BaseState::from(request).into_uid();
                reserved::index_of(&log.conflicts(&request.scope, uid, keys))
            }
            (_, None) => None,
        }
    }

    fn reservations(&self) -> Option<&Arc<ReservationLog>> {
        self.cluster.as_ref()?.reservations.get()
    }

    /// Returns whether the holdings that a decision depends on are unchanged.
    ///
    /// # Errors
    ///
    /// [`Failure::Holdings`] if too many holdings overlap now, [`Failure::NotReady`] if the index is stale.
    pub fn stands(&self, request: &Request<'_>, decision: &Decision) -> Result<bool, Failure> {
        let Some(basis) = &decision.basis else { return Ok(true) };
        let memory = self.current()?;
        Ok(self.overlaps_of(&memory, basis, request)? == basis.holdings)
    }

    /// Enters an allowed object into the index, and returns the verdict. Reviews again if the holdings changed.
    ///
    /// # Errors
    ///
    /// [`Failure::Full`] or [`Failure::IndexFull`] if the index has no room for the object, or the reason why a second review
    /// gave no verdict.
    pub fn conclude(
        &self,
        request: &Request<'_>,
        decision: Decision,
        deadline: Instant,
    ) -> Result<Verdict, Failure> {
        self.conclude_reserving(request, decision, deadline, &Reserving::Off(Unreserved::Unavailable))
    }

    fn conclude_reserving(
        &self,
        request: &Request<'_>,
        decision: Decision,
        deadline: Instant,
        reserving: &Reserving,
    ) -> Result<Verdict, Failure> {
        if decision.verdict.is_allowed() && self.changes_index(request) {
            self.admit(request, decision, deadline, reserving)
        } else {
            Ok(decision.verdict)
        }
    }

    fn changes_index(&self, request: &Request<'_>) -> bool {
        let (scope, operation) = (&request.scope, request.operation);
        // The API server asks only about what the webhooks review; another client may send a review of another kind.
        let is_reviewed = || self.policy.description().reviews(scope, operation, Phase::Validate);
        request.phase == Phase::Validate
            && !request.dry_run
            && self.policy.watches(scope)
            && (self.cluster.is_none() || is_reviewed())
    }

    fn admit(
        &self,
        request: &Request<'_>,
        decision: Decision,
        deadline: Instant,
        reserving: &Reserving,
    ) -> Result<Verdict, Failure> {
        let target = TargetObject::from(request);
        // The API server stores no object without a name.
        if target.scope.name.is_empty() {
            return Ok(decision.verdict);
        }
        if request.operation == Operation::Delete || target.is_last_update {
            self.release(&target.scope)?;
            return Ok(decision.verdict);
        }
        match (&decision.basis, request.object.as_deref()) {
            (Some(_), _) => self.admit_on_basis(request, &target.scope, decision, deadline, reserving),
            (None, Some(object)) => {
                self.admit_without_basis(request, &target.scope, object, reserving)?;
                Ok(decision.verdict)
            }
            (None, None) => Ok(decision.verdict),
        }
    }

    /// Removes an object whose deletion is admitted. With a cluster only a watch removes it: a finalizer may keep the
    /// object, and another admission plugin may still refuse its deletion.
    fn release(&self, scope: &Scope<'_>) -> Result<(), Failure> {
        if self.cluster.is_none() {
            let mut memory = self.write()?;
            memory.index_mut().remove(scope);
            self.metrics.show(memory.index(), 0);
        }
        Ok(())
    }

    /// Enters the keys if the overlapping holdings are unchanged; otherwise reviews again and retries.
    ///
    /// The holdings change only when another request is admitted, so at least one contender makes progress.
    fn admit_on_basis(
        &self,
        request: &Request<'_>,
        scope: &Scope<'_>,
        mut decision: Decision,
        deadline: Instant,
        reserving: &Reserving,
    ) -> Result<Verdict, Failure> {
        if let Some(basis) = &decision.basis {
            self.ensure_reserved(request, scope, &basis.keys, reserving)?;
        }
        while let Decision { verdict, basis: Some(basis) } = decision {
            if !verdict.is_allowed() {
                return Ok(verdict);
            }
            let mut memory = self.write()?;
            // This lock is the first change since then: nothing has to be looked up again.
            let is_unchanged = basis.version.is_some_and(|version| version + 1 == memory.version());
            if is_unchanged || self.overlaps_of(&memory, &basis, request)? == basis.holdings {
                self.enter(&mut memory, request, scope, basis.keys)?;
                return Ok(verdict);
            }
            drop(memory);
            decision = self.decide_reserving(request, deadline, reserving)?;
        }
        Ok(decision.verdict)
    }

    /// Enters the keys of an object whose verdict depends on no other object.
    fn admit_without_basis(
        &self,
        request: &Request<'_>,
        scope: &Scope<'_>,
        object: &str,
        reserving: &Reserving,
    ) -> Result<(), Failure> {
        match self.policy.keys(scope, object)? {
            Ok(keys) => {
                self.ensure_reserved(request, scope, &keys, reserving)?;
                self.enter(&mut *self.write()?, request, scope, keys)
            }
            // The reason may quote the object, and the log must not.
            Err(_) => {
                let name = &self.policy.description().name;
                tracing::warn!(
                    policy = name,
                    resource = ?scope.resource,
                    name = ?scope.name,
                    "left out of the index: the policy can't read the admitted object"
                );
                Ok(())
            }
        }
    }

    /// Fails if an object holds new keys that it has to reserve first.
    fn ensure_reserved(
        &self,
        request: &Request<'_>,
        scope: &Scope<'_>,
        keys: &[Key],
        reserving: &Reserving,
    ) -> Result<(), Failure> {
        let Some(log) = self.reservations() else { return Ok(()) };
        let off = match reserving {
            Reserving::Done(_) => return Ok(()),
            Reserving::Off(why) => Some(*why),
            Reserving::Needed => log.is_missing().then_some(Unreserved::Unavailable),
        };
        let keys = self.new_keys(request, scope, keys)?;
        if keys.is_empty() {
            return Ok(());
        }
        if let Some(why) = off {
            log.count_unreserved(why);
            return Ok(());
        }
        let (scope, uid) = (scope.clone().into_owned(), BaseState::from(request).into_uid());
        Err(Failure::Unreserved(Box::new(UnreservedObject { scope, uid, keys })))
    }

    /// Returns the keys that an object holds and that the object before an update did not. A creation is new in any case: the
    /// index may still have an object of its name that is deleted by now.
    fn new_keys(&self, request: &Request<'_>, scope: &Scope<'_>, keys: &[Key]) -> Result<Vec<Key>, Failure> {
        let holds = keys.iter().filter(|key| key.stance == Stance::Holds).cloned();
        let mut holds: Vec<Key> = holds.collect();
        let updated = request.old_object.as_deref().filter(|_| request.operation == Operation::Update);
        if let (Some(before), false) = (updated, holds.is_empty())
            && let Ok(held) = self.policy.keys(scope, before)?
        {
            holds.retain(|key| !held.contains(key));
        }
        Ok(holds)
    }

    fn enter(
        &self,
        memory: &mut Memory,
        request: &Request<'_>,
        scope: &Scope<'_>,
        keys: Vec<Key>,
    ) -> Result<(), Failure> {
        match &self.cluster {
            Some(cluster) => self.insert_pending(memory, cluster, request, scope, keys),
            None => self.insert(memory.index_mut(), scope, keys),
        }
    }

    /// Inserts an admitted object until a watch reports it.
    fn insert_pending(
        &self,
        memory: &mut Memory,
        cluster: &ClusterView,
        request: &Request<'_>,
        scope: &Scope<'_>,
        keys: Vec<Key>,
    ) -> Result<(), Failure> {
        let (scope, base) = (scope.clone().into_owned(), BaseState::from(request));
        let admitted = AdmittedObject { scope, base, keys };
        let displaced = memory.admit(admitted, cluster.pending_limits()).map_err(too_large)?;
        self.metrics.displaced(displaced);
        self.metrics.show(memory.index(), memory.pending());
        Ok(())
    }

    /// Inserts an object until it is removed.
    fn insert(&self, index: &mut Index, scope: &Scope<'_>, keys: Vec<Key>) -> Result<(), Failure> {
        self.check_room(index.len(), index.contains(scope))?;
        if !self.has_room(index, scope, &keys).map_err(too_large)? {
            return Err(Failure::IndexFull { limit: self.limits.bytes });
        }
        index.insert(scope, &keys).map_err(too_large)?;
        self.metrics.show(index, 0);
        Ok(())
    }

    /// Returns whether the index has memory for these keys of an object, or needs none beyond what the object takes already.
    fn has_room(&self, index: &Index, object: &Scope<'_>, keys: &[Key]) -> Result<bool, ObjectTooLarge> {
        let growth = index.growth(object, keys)?;
        Ok(growth == 0 || index.bytes() + growth <= self.limits.bytes)
    }

    /// Fails without room for one more object. A known object needs no room of its own.
    fn check_room(&self, objects: usize, is_known: bool) -> Result<(), Failure> {
        let is_full = objects >= self.limits.objects && !is_known;
        if is_full { Err(Failure::Full { limit: self.limits.objects }) } else { Ok(()) }
    }

    fn overlaps(
        &self,
        memory: &Memory,
        view: View,
        reserved: Option<&Index>,
        keys: &[Key],
        except: &Scope<'_>,
    ) -> Result<Vec<Holding>, Failure> {
        let excess = match self.purpose {
            Purpose::Requests => Excess::Fails,
            Purpose::Audit => Excess::IsSummarized,
        };
        let holdings = memory.overlaps(view, keys, except, self.limits.holdings, excess).map_err(too_many)?;
        match reserved {
            Some(reserved) => memory::with_overlaps(holdings, reserved, keys, except, self.limits.holdings)
                .map_err(too_many),
            None => Ok(holdings),
        }
    }

    fn overlaps_of(
        &self,
        memory: &Memory,
        basis: &Basis,
        request: &Request<'_>,
    ) -> Result<Vec<Holding>, Failure> {
        self.overlaps(memory, basis.view, basis.reserved.as_deref(), &basis.keys, &request.scope)
    }

    /// Returns the memory if it is current. Without a cluster it always is.
    fn current(&self) -> Result<RwLockReadGuard<'_, Memory>, Failure> {
        let Some(cluster) = &self.cluster else { return self.read() };
        if !cluster.freshness.is_current() {
            return Err(Failure::NotReady);
        }
        let limits = cluster.pending_limits();
        let memory = self.read()?;
        if !memory.has_expired(limits.now) {
            return Ok(memory);
        }
        drop(memory);
        self.expire(limits)?;
        self.read()
    }

    fn expire(&self, limits: PendingLimits) -> Result<(), Failure> {
        let mut memory = self.write()?;
        let expired = memory.expire(limits);
        self.metrics.expired(expired);
        self.metrics.show(memory.index(), memory.pending());
        Ok(())
    }

    // A panic under the lock may have left the memory half changed. A poisoned memory must admit no object.

    fn read(&self) -> Result<RwLockReadGuard<'_, Memory>, Failure> {
        self.memory.read().map_err(|_| Failure::NotReady)
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, Memory>, Failure> {
        let mut memory = self.memory.write().map_err(|_| Failure::NotReady)?;
        memory.begin_change();
        Ok(memory)
    }
}

impl Judge for Admission {
    fn judge(&self, request: &Request<'_>, deadline: Instant) -> Result<Verdict, Failure> {
        self.judge_reserving(request, deadline, &Reserving::Off(Unreserved::Unavailable))
    }

    fn judge_reserving(
        &self,
        request: &Request<'_>,
        deadline: Instant,
        reserving: &Reserving,
    ) -> Result<Verdict, Failure> {
        let decision = self.decide_reserving(request, deadline, reserving)?;
        self.conclude_reserving(request, decision, deadline, reserving)
    }

    fn is_asked_again(&self, request: &Request<'_>) -> bool {
        let description = self.policy.description();
        request.phase == Phase::Mutate
            && description.reviews(&request.scope, request.operation, Phase::Validate)
    }

    fn execution(&self) -> Execution {
        self.policy.execution()
    }

    fn confirm(self: Arc<Self>, objects: Vec<Scope<'static>>) -> BoxFuture<'static, ()> {
        Box::pin(self.confirm_stored(objects))
    }

    fn reserve(
        self: Arc<Self>,
        object: UnreservedObject,
        deadline: Instant,
    ) -> BoxFuture<'static, Reserving> {
        Box::pin(async move {
            match self.reservations() {
                Some(log) => Arc::clone(log).reserve(&object, deadline).await,
                None => Reserving::Off(Unreserved::Unavailable),
            }
        })
    }
}

fn too_many(error: TooMany) -> Failure {
    Failure::Holdings { limit: error.limit, key: error.key }
}

fn too_large(error: ObjectTooLarge) -> Failure {
    Failure::Keys(error.to_string())
}
