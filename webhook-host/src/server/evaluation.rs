//! One evaluation: from a body to an answer, synchronously.

use super::pace::CpuTime;
use super::routes::PolicyRoute;
use crate::events::ReportedEvent;
use crate::limits::Limits;
use crate::reservations::Reserving;
use crate::review::{AdmissionReview, Answering, BadReview, ReviewAnswer};
use bytes::Bytes;
use ordinance_contract::{Operation, Phase, Scope, Verdict};
use ordinance_engine::{Failure, UnreservedObject};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The input of an evaluation. It is owned, so that it can move to a thread of the pool.
#[derive(Clone, Debug)]
pub(super) struct Evaluation {
    pub(super) route: Arc<PolicyRoute>,
    pub(super) phase: Phase,
    pub(super) body: Bytes,
    pub(super) deadline: Instant,
    pub(super) depth: usize,
    pub(super) output: usize,
}

/// The result of an evaluation.
#[derive(Debug)]
pub(super) struct Evaluated {
    pub(super) answer: ReviewAnswer,
    pub(super) operation: Operation,
    /// Whether the request is admitted only because the policy's settings put off its refusal. False if the validating
    /// webhook will ask again.
    pub(super) would_deny: bool,
    /// The objects that the judge has to ask the API server about, before it can decide.
    pub(super) unconfirmed: Vec<Scope<'static>>,
    /// The object whose keys have to be reserved, before the judge can decide.
    pub(super) unreserved: Option<UnreservedObject>,
    /// Time that the policy took.
    pub(super) time: Duration,
    /// CPU time of the whole evaluation.
    pub(super) cpu_time: Duration,
}

// === impl Evaluation ===

impl Evaluation {
    pub(super) fn new(
        route: Arc<PolicyRoute>,
        phase: Phase,
        body: Bytes,
        deadline: Instant,
        limits: &Limits,
    ) -> Self {
        Self { route, phase, body, deadline, depth: limits.json_depth, output: limits.answer_bytes }
    }

    /// Parses the body, asks the policy, and builds the answer.
    pub(super) fn run(&self, reserving: &Reserving) -> Result<Evaluated, BadReview> {
        self.decide(|review| {
            let request = review.request(self.phase);
            let judge = &self.route.judge;
            // A judge stays in use after a panic, so each judge must keep its own state consistent.
            catch_unwind(AssertUnwindSafe(|| judge.judge_reserving(&request, self.deadline, reserving)))
                .unwrap_or(Err(Failure::Panic))
        })
    }

    /// Builds the answer to a request whose policy did not return.
    pub(super) fn fail(&self, failure: Failure) -> Result<Evaluated, BadReview> {
        self.decide(|_| Err(failure))
    }

    fn decide(
        &self,
        judge: impl FnOnce(&AdmissionReview<'_>) -> Result<Verdict, Failure>,
    ) -> Result<Evaluated, BadReview> {
        let cpu_start = CpuTime::now();
        let review = AdmissionReview::parse(&self.body, self.depth)?;
        let start = Instant::now();
        let outcome = judge(&review);
        let time = start.elapsed();
        let operation = review.operation();
        if let Ok(verdict) = &outcome {
            self.route.metrics.found(&verdict.findings);
        }
        let would_deny = outcome.as_ref().is_ok_and(|verdict| self.would_deny(&review, verdict));
        let by = self.answering();
        log(&by, &review, &outcome, would_deny, time);
        let (mut unconfirmed, mut unreserved) = (Vec::new(), None);
        match &outcome {
            Err(Failure::Unconfirmed { objects }) => unconfirmed.clone_from(objects),
            Err(Failure::Unreserved(object)) => unreserved = Some((**object).clone()),
            _ => {}
        }
        let answer = review.answer(&by, outcome);
        let cpu_time = cpu_start.elapsed();
        Ok(Evaluated { answer, operation, would_deny, unconfirmed, unreserved, time, cpu_time })
    }

    /// Returns whether a request would be denied, and queues an Event if it would be. In the mutating phase it is false if
    /// the validating webhook will ask about the same request, so that each request counts once. Only the validating webhook
    /// may have side effects, so only its reviews lead to Events.
    fn would_deny(&self, review: &AdmissionReview<'_>, verdict: &Verdict) -> bool {
        let request = review.request(self.phase);
        let would_deny = verdict.would_deny() && !self.route.judge.is_asked_again(&request);
        if let (Some(events), true) = (&self.route.events, would_deny && self.phase == Phase::Validate)
            && let Some(event) = ReportedEvent::of(&request, verdict)
        {
            events.push(event);
        }
        would_deny
    }

    fn answering(&self) -> Answering<'_> {
        let PolicyRoute { policy, on_error, .. } = &*self.route;
        Answering { policy, phase: self.phase, on_error: *on_error, limit: self.output }
    }
}

/// Logs each request at debug level. Logs what is denied or would be denied at info level, with the object's name and the
/// rules but without the object's content. Names are quoted, because they are untrusted text.
fn log(
    by: &Answering<'_>,
    review: &AdmissionReview<'_>,
    outcome: &Result<Verdict, Failure>,
    would_deny: bool,
    time: Duration,
) {
    let allowed = outcome.as_ref().is_ok_and(Verdict::is_allowed);
    let failure = outcome.as_ref().err().map(Failure::cause);
    let (uid, operation) = (review.uid(), review.operation());
    tracing::debug!(policy = by.policy, phase = ?by.phase, ?uid, ?operation, allowed, failure, ?time, "reviewed");
    let is_deferred = matches!(outcome, Err(Failure::Unconfirmed { .. } | Failure::Unreserved(_)));
    if is_deferred || allowed && !would_deny {
        return;
    }
    let scope = review.scope();
    // Of a failure only what the host itself says is logged: the text of a trap may have content of the object.
    let limit = outcome.as_ref().err().and_then(Failure::setting);
    tracing::info!(
        policy = by.policy,
        phase = ?by.phase,
        ?uid,
        ?operation,
        resource = ?scope.resource,
        namespace = ?scope.namespace,
        name = ?scope.name,
        rules = outcome.as_ref().ok().map(|verdict| verdict.refusing_rules().join(",")),
        failure,
        limit,
        "{}",
        if would_deny { "would be denied" } else { "denied" }
    );
}
