//! Asks the API server about pending objects on which alone a denial or a patch would rest.

use super::cluster_view::Wait;
use super::memory::{AdmittedObject, View};
use super::target::{BaseState, uid};
use super::{Admission, Basis, Decision};
use crate::metrics::Confirmation;
use crate::reservations::Reserving;
use ordinance_contract::{Holding, Key, Request, Scope, Severity, Verdict};
use ordinance_engine::Failure;
use ordinance_index::Index;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The objects that the API server is asked about for one request. The next attempt of the request asks about others.
const OBJECTS: usize = 8;

/// How long the API server may take to tell about all of them.
const TIME: Duration = Duration::from_secs(1);

/// A verdict that depends on objects of which it is not known whether the API server stores them.
pub(super) struct OpenQuestion {
    pub(super) keys: Vec<Key>,
    pub(super) unconfirmed: Vec<Scope<'static>>,
    pub(super) reserved: Option<Box<Index>>,
    /// Which objects count with them.
    pub(super) view: View,
    /// The verdict with all of them, and its holdings.
    pub(super) with: Result<(Vec<Holding>, Verdict), Failure>,
}

// === impl Admission ===

impl Admission {
    /// Decides a request whose keys overlap pending objects or reservations, given the verdict with them.
    ///
    /// If the verdict without them is another one, it depends on whether the API server stores them. Once the request has
    /// waited for too long, pending objects don't count. Reservations count for as long as they exist.
    pub(super) fn decide_on_known(
        &self,
        request: &Request<'_>,
        question: OpenQuestion,
        deadline: Instant,
        reserving: &Reserving,
    ) -> Result<Decision, Failure> {
        let OpenQuestion { keys, unconfirmed, reserved, view, with } = question;
        let known = self.overlaps(&*self.read()?, View::Known, None, &keys, &request.scope)?;
        let verdict = self.policy.review(request, &known, deadline)?;
        if let Ok((holdings, with)) = with
            && has_same_effect(&with, &verdict)
        {
            let basis = Basis { keys, holdings, view, version: None, reserved };
            return Ok(Decision { verdict: with, basis: Some(basis) });
        }
        // The next attempt of the request asks about the reservations that are open then.
        if reserving.is_done() {
            return Err(Failure::Unconfirmed { objects: Vec::new() });
        }
        let wait = self.cluster.as_ref().map_or(Wait::GiveUp, |cluster| cluster.wait(&request.scope));
        match wait {
            Wait::Ask => {
                Err(Failure::Unconfirmed { objects: asked(unconfirmed, reserved.as_deref(), &keys, request) })
            }
            Wait::Later => Err(Failure::Unconfirmed { objects: Vec::new() }),
            Wait::GiveUp if reserved.is_none() => {
                self.metrics.confirmed(Confirmation::GivenUp);
                Ok(Decision {
                    verdict,
                    basis: Some(Basis { keys, holdings: known, view: View::Known, version: None, reserved }),
                })
            }
            Wait::GiveUp => self.give_up(request, keys, reserved, &verdict, deadline),
        }
    }

    /// Decides a request that has waited for too long, with reservations but without pending objects. Fails if the verdict depends on
    /// a reservation: `without` is the one without them.
    fn give_up(
        &self,
        request: &Request<'_>,
        keys: Vec<Key>,
        reserved: Option<Box<Index>>,
        without: &Verdict,
        deadline: Instant,
    ) -> Result<Decision, Failure> {
        let holdings =
            self.overlaps(&*self.read()?, View::Known, reserved.as_deref(), &keys, &request.scope)?;
        let verdict = self.policy.review(request, &holdings, deadline)?;
        if !has_same_effect(&verdict, without) {
            return Err(Failure::Unconfirmed { objects: Vec::new() });
        }
        self.metrics.confirmed(Confirmation::GivenUp);
        Ok(Decision {
            verdict,
            basis: Some(Basis { keys, holdings, view: View::Known, version: None, reserved }),
        })
    }

    /// Asks the API server which of these pending objects it stores.
    pub(super) async fn confirm_stored(self: Arc<Self>, objects: Vec<Scope<'static>>) {
        let each = objects.into_iter().take(OBJECTS).map(|object| Arc::clone(&self).confirm_one(object));
        if timeout(TIME, futures_util::future::join_all(each)).await.is_err() {
            self.metrics.confirmed(Confirmation::Failed);
        }
    }

    async fn confirm_one(self: Arc<Self>, object: Scope<'static>) {
        let Some(stored) = self.cluster.as_ref().and_then(|cluster| cluster.stored.get()) else { return };
        let outcome = match stored.get(&object).await {
            Ok(Some(json)) => {
                let admission = Arc::clone(&self);
                // A policy never runs on the thread of a connection because of an object that it did not ask about.
                let confirmed = tokio::task::spawn_blocking(move || admission.confirm_as(&object, &json));
                confirmed.await.unwrap_or(Confirmation::Failed)
            }
            Ok(None) => Confirmation::Absent,
            Err(error) => {
                tracing::debug!(?object, error, "can't ask whether an admitted object is stored");
                Confirmation::Failed
            }
        };
        self.metrics.confirmed(outcome);
    }

    fn confirm_as(&self, object: &Scope<'static>, json: &str) -> Confirmation {
        let Ok(Ok(keys)) = self.policy.keys(object, json) else { return Confirmation::Failed };
        let Ok(mut memory) = self.write() else { return Confirmation::Failed };
        if memory.confirm(object, &keys) {
            return Confirmation::Stored;
        }
        // An object that another replica has reserved is not pending here.
        let reserved = uid(json).filter(|uid| self.reservations().is_some_and(|log| log.is_open(uid)));
        match (reserved, &self.cluster) {
            (Some(uid), Some(cluster)) => {
                let stored = AdmittedObject { scope: object.clone(), base: BaseState::of_uid(&uid), keys };
                memory.enter_confirmed(stored, cluster.pending_limits());
                Confirmation::Stored
            }
            _ => Confirmation::Absent,
        }
    }
}

/// Returns the objects to ask about: pending ones, and those with a reservation.
fn asked(
    mut unconfirmed: Vec<Scope<'static>>,
    reserved: Option<&Index>,
    keys: &[Key],
    request: &Request<'_>,
) -> Vec<Scope<'static>> {
    let overlaps = |reserved: &Index| reserved.overlaps(keys, &request.scope, usize::MAX).ok();
    for holder in reserved.and_then(overlaps).unwrap_or_default().into_iter().map(|holding| holding.holder) {
        if !unconfirmed.contains(&holder) {
            unconfirmed.push(holder);
        }
    }
    unconfirmed
}

/// Returns whether two verdicts lead to the same object. They may differ in warnings.
fn has_same_effect(one: &Verdict, other: &Verdict) -> bool {
    let denials = |verdict: &Verdict| {
        verdict.findings.iter().filter(|finding| finding.severity == Severity::Deny).count()
    };
    (denials(one) == 0) == (denials(other) == 0) && one.patch == other.patch
}
