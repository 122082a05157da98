//! Asks the API server about pending objects on which alone a denial or a patch would rest.

use super::cluster_view::Wait;
use super::memory::View;
use super::{Admission, Basis, Decision};
use crate::metrics::Confirmation;
use ordinance_contract::{Holding, Key, Request, Scope, Severity, Verdict};
use ordinance_engine::Failure;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The objects that the API server is asked about for one request. The next attempt of the request asks about others.
const OBJECTS: usize = 8;

/// How long the API server may take to tell about all of them.
const TIME: Duration = Duration::from_secs(1);

// === impl Admission ===

impl Admission {
    /// Decides a request whose keys overlap pending objects, given the verdict with them.
    ///
    /// If the verdict without them is another one, it depends on whether the API server stores them. Once the request has
    /// waited for too long, they don't count.
    pub(super) fn decide_on_known(
        &self,
        request: &Request<'_>,
        keys: Vec<Key>,
        unconfirmed: Vec<Scope<'static>>,
        with: Result<(Vec<Holding>, Verdict), Failure>,
        deadline: Instant,
    ) -> Result<Decision, Failure> {
        let known = self.overlaps(&*self.read()?, View::Known, &keys, &request.scope)?;
        let verdict = self.policy.review(request, &known, deadline)?;
        if let Ok((holdings, with)) = with
            && has_same_effect(&with, &verdict)
        {
            return Ok(Decision { verdict: with, basis: Some(Basis { keys, holdings, view: View::All }) });
        }
        let wait = self.cluster.as_ref().map_or(Wait::GiveUp, |cluster| cluster.wait(&request.scope));
        match wait {
            Wait::Ask => Err(Failure::Unconfirmed { objects: unconfirmed }),
            Wait::Later => Err(Failure::Unconfirmed { objects: Vec::new() }),
            Wait::GiveUp => {
                self.metrics.confirmed(Confirmation::GivenUp);
                Ok(Decision { verdict, basis: Some(Basis { keys, holdings: known, view: View::Known }) })
            }
        }
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
        if memory.confirm(object, &keys) { Confirmation::Stored } else { Confirmation::Absent }
    }
}

/// Returns whether two verdicts lead to the same object. They may differ in warnings.
fn has_same_effect(one: &Verdict, other: &Verdict) -> bool {
    let denials = |verdict: &Verdict| {
        verdict.findings.iter().filter(|finding| finding.severity == Severity::Deny).count()
    };
    (denials(one) == 0) == (denials(other) == 0) && one.patch == other.patch
}
