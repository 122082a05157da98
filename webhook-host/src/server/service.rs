//! Handles one request: finds the route, reads the body, waits for a permit, evaluates, and builds the response.

use super::body::{Bodies, BodyError};
use super::body_memory::MemoryUsedUp;
use super::callers::Callers;
use super::deadline;
use super::evaluation::{Evaluated, Evaluation};
use super::pace::ConnectionPace;
use super::permits::Permits;
use super::reply::{self, Reply};
use super::routes::{PolicyRoute, Routes};
use super::stop::Stop;
use crate::limits::Limits;
use crate::metrics::{Metrics, ShedReason, VerdictLabel};
use crate::recording::Recorder;
use crate::reservations::{Reserving, Unreserved};
use crate::review::{self, BadReview, ReviewAnswer};
use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, StatusCode};
use ordinance_contract::Phase;
use ordinance_engine::{Execution, Failure, UnreservedObject};
use ordinance_reservation::Judgement;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long after its deadline an evaluation on the pool is abandoned.
const POOL_GRACE: Duration = Duration::from_millis(250);

const NO_POLICY: &str = "no policy has this path";

// The reasons of answers with status 503.
const MEMORY_USED_UP: &str = "too many or too large bodies at once";
const QUEUE_FULL: &str = "too many requests are waiting for an evaluation";
const NOT_RESERVED_IN_TIME: &str = "what other replicas admit was not known in time";
const NOT_TOLD_IN_TIME: &str = "the API server did not tell in time whether it stores an object";

/// Answers requests; shared by all connections.
#[derive(Debug)]
pub(super) struct RequestService {
    routes: Routes,
    callers: Callers,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
    bodies: Bodies,
    permits: Permits,
    /// `None` if no review is kept.
    recorder: Option<Recorder>,
    stop: Stop,
}

/// A request with a valid head.
struct AcceptedRequest {
    route: Arc<PolicyRoute>,
    phase: Phase,
    arrival: Instant,
    deadline: Instant,
    /// Whether the API server has sent it, and no other client can have.
    is_verified: bool,
}

/// A response.
pub(super) struct Answer {
    pub(super) reply: Reply,
    /// Whether the whole body of the request was received.
    pub(super) is_body_read: bool,
}

/// The part of a request's head that is invalid.
enum HeadError {
    /// No policy has the path. The paths that are served, if callers need no token.
    Path(Vec<String>),
    Method,
    ContentType,
}

// === impl HeadError ===

impl HeadError {
    fn reply(&self) -> Reply {
        match self {
            Self::Path(served) if served.is_empty() => reply::text(StatusCode::NOT_FOUND, NO_POLICY),
            Self::Path(served) => {
                reply::text(StatusCode::NOT_FOUND, format!("{NO_POLICY}; served are {}", served.join(", ")))
            }
            Self::Method => reply::method_not_allowed("POST"),
            Self::ContentType => {
                reply::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json")
            }
        }
    }
}

// === impl RequestService ===

impl RequestService {
    /// # Errors
    ///
    /// The system has no resources for the pool of threads.
    pub(super) fn new(
        routes: Routes,
        callers: Callers,
        limits: &Arc<Limits>,
        metrics: &Arc<Metrics>,
        recorder: Option<Recorder>,
        stop: Stop,
    ) -> io::Result<Self> {
        Ok(Self {
            routes,
            callers,
            limits: Arc::clone(limits),
            metrics: Arc::clone(metrics),
            bodies: Bodies::new(limits),
            permits: Permits::new(limits)?,
            recorder,
            stop,
        })
    }

    /// Returns the response to a request. A stopping server closes the connection with it. Every server closes it with a
    /// response that is no review, so that only clients with reviews keep connections.
    pub(super) async fn reply(&self, request: Request<Incoming>, pace: &ConnectionPace) -> Answer {
        let mut answer = match self.accept(&request) {
            Ok(accepted) => self.review(accepted, request.into_body(), pace).await,
            Err(error) => Answer { reply: error.reply(), is_body_read: request.body().is_end_stream() },
        };
        let is_review = answer.reply.status() == StatusCode::OK;
        if !is_review {
            self.metrics.rejected(answer.reply.status().as_u16());
        }
        if !is_review || !answer.is_body_read || self.stop.is_draining() {
            answer.reply = reply::closing(answer.reply);
        }
        answer
    }

    /// Checks the head of a request.
    fn accept(&self, request: &Request<Incoming>) -> Result<AcceptedRequest, HeadError> {
        let arrival = Instant::now();
        let path = request.uri().path();
        let (path, is_verified) = self.callers.accept_path(path).ok_or_else(|| self.no_path())?;
        let (phase, route) = self.routes.find(path).ok_or_else(|| self.no_path())?;
        if request.method() != Method::POST {
            return Err(HeadError::Method);
        }
        if !is_json(request) {
            return Err(HeadError::ContentType);
        }
        let deadline = deadline::deadline(arrival, request.uri().query(), &self.limits);
        Ok(AcceptedRequest { route, phase, arrival, deadline, is_verified })
    }

    /// Names the served paths to callers who need no token. Others learn nothing.
    fn no_path(&self) -> HeadError {
        HeadError::Path(if self.callers.is_open() { self.routes.paths() } else { Vec::new() })
    }

    async fn review(&self, accepted: AcceptedRequest, incoming: Incoming, pace: &ConnectionPace) -> Answer {
        match self.bodies.read(incoming).await {
            Ok(body) => Answer { reply: self.evaluate(accepted, body, pace).await, is_body_read: true },
            Err(error) => Answer { reply: self.body_error(&accepted, error), is_body_read: false },
        }
    }

    /// Returns the response to a body that could not be read.
    fn body_error(&self, accepted: &AcceptedRequest, error: BodyError) -> Reply {
        match error {
            BodyError::Large(begun) => too_large(&begun, self.limits.body_bytes),
            BodyError::Slow => reply::text(StatusCode::REQUEST_TIMEOUT, "the body arrived too slowly"),
            BodyError::Broken => reply::text(StatusCode::BAD_REQUEST, "the body is incomplete"),
            BodyError::Memory => shed(&accepted.route, ShedReason::Memory, MEMORY_USED_UP),
        }
    }

    async fn evaluate(&self, accepted: AcceptedRequest, body: Bytes, pace: &ConnectionPace) -> Reply {
        let AcceptedRequest { route, phase, arrival, deadline, is_verified } = accepted;
        let may_run_inline = self.may_run_inline(&route, &body);
        let execution = if may_run_inline { pace.execution() } else { Execution::ThreadPool };
        if let Some(recorder) = &self.recorder {
            recorder.record(&route.policy, phase, &body);
        }
        let evaluation = Evaluation::new(Arc::clone(&route), phase, body, deadline, &self.limits);
        let reserving =
            Arc::new(if is_verified { Reserving::Needed } else { Reserving::Off(Unreserved::Unverified) });
        let evaluated = match self.decide(&evaluation, execution, reserving).await {
            Ok(evaluated) => evaluated,
            Err((reason, message)) => return shed(&route, reason, message),
        };
        if let (Ok(Evaluated { cpu_time, .. }), true) = (&evaluated, may_run_inline) {
            pace.reviewed(*cpu_time);
        }
        let reply = self.counted_reply(&route, evaluated);
        route.metrics.total.observe(arrival.elapsed());
        reply
    }

    /// Runs an evaluation, and once more each after a question to the API server and after a reservation.
    ///
    /// # Errors
    ///
    /// Why the request is turned away.
    async fn decide(
        &self,
        evaluation: &Evaluation,
        execution: Execution,
        reserving: Arc<Reserving>,
    ) -> Result<Result<Evaluated, BadReview>, (ShedReason, &'static str)> {
        let mut evaluated = self.run(evaluation, execution, &reserving).await?;
        if let Ok(Evaluated { unconfirmed, .. }) = &mut evaluated
            && !unconfirmed.is_empty()
        {
            let confirmed = Arc::clone(&evaluation.route.judge).confirm(std::mem::take(unconfirmed));
            if tokio::time::timeout_at(evaluation.deadline.into(), confirmed).await.is_err() {
                return Err((ShedReason::Unavailable, NOT_TOLD_IN_TIME));
            }
            evaluated = self.run(evaluation, execution, &reserving).await?;
        }
        let unreserved = evaluated.as_mut().ok().and_then(|evaluated| evaluated.unreserved.take());
        match unreserved {
            Some(object) => self.decide_reserved(evaluation, execution, object).await,
            None => Ok(evaluated),
        }
    }

    /// Reserves the keys of an object, and runs the evaluation on what was reserved before.
    async fn decide_reserved(
        &self,
        evaluation: &Evaluation,
        execution: Execution,
        object: UnreservedObject,
    ) -> Result<Result<Evaluated, BadReview>, (ShedReason, &'static str)> {
        let reserving = Arc::clone(&evaluation.route.judge).reserve(object, evaluation.deadline).await;
        if matches!(reserving, Reserving::Needed) {
            return Err((ShedReason::Unavailable, NOT_RESERVED_IN_TIME));
        }
        let reserving = Arc::new(reserving);
        let evaluated = self.run(evaluation, execution, &reserving).await?;
        // An evaluation on the pool that exceeded its time may still have the attempt, which then ends without a verdict.
        if let Some(Reserving::Done(attempt)) = Arc::into_inner(reserving) {
            let judgement = judgement(&evaluated);
            if !attempt.judged(judgement) && judgement == Judgement::Allowed {
                return Err((ShedReason::Unavailable, NOT_RESERVED_IN_TIME));
            }
        }
        Ok(evaluated)
    }

    /// Runs an evaluation.
    ///
    /// # Errors
    ///
    /// Too many others wait.
    async fn run(
        &self,
        evaluation: &Evaluation,
        execution: Execution,
        reserving: &Arc<Reserving>,
    ) -> Result<Result<Evaluated, BadReview>, (ShedReason, &'static str)> {
        let queued = Instant::now();
        let Some(permit) = self.permits.acquire(execution).await else {
            return Err((ShedReason::Queue, QUEUE_FULL));
        };
        evaluation.route.metrics.queue.observe(queued.elapsed());
        Ok(match execution {
            Execution::Inline => {
                wake_another_worker();
                evaluation.run(reserving)
            }
            Execution::ThreadPool => self.on_pool(evaluation.clone(), reserving, permit).await,
        })
    }

    fn may_run_inline(&self, route: &PolicyRoute, body: &Bytes) -> bool {
        body.len() <= self.limits.inline_bytes && route.judge.execution() == Execution::Inline
    }

    /// Counts an evaluation, and returns its response.
    fn counted_reply(&self, route: &PolicyRoute, evaluated: Result<Evaluated, BadReview>) -> Reply {
        let Evaluated { answer, operation, would_deny, time, .. } = match evaluated {
            Ok(evaluated) => evaluated,
            Err(bad) => return reply::text(StatusCode::BAD_REQUEST, bad.to_string()),
        };
        route.metrics.evaluation.observe(time);
        let label = label(&answer, would_deny);
        route.metrics.answered(label, operation);
        match answer {
            ReviewAnswer::Verdict { body, .. } => self.answer(route, body),
            ReviewAnswer::Failed { failure, body } => {
                route.metrics.failed(&failure);
                self.answer(route, body)
            }
            ReviewAnswer::Deferred { failure, message } => {
                route.metrics.failed(&failure);
                reply::text(StatusCode::INTERNAL_SERVER_ERROR, message)
            }
            ReviewAnswer::Unavailable { message } => shed(route, ShedReason::Unavailable, &message),
        }
    }

    /// Returns the response with an answer, which counts until the client has read it.
    fn answer(&self, route: &PolicyRoute, body: Vec<u8>) -> Reply {
        match self.bodies.memory.count(body) {
            Ok(body) => reply::review(body),
            Err(MemoryUsedUp) => shed(route, ShedReason::Memory, MEMORY_USED_UP),
        }
    }

    /// Evaluates on the pool. The response waits until shortly after the deadline. The permit is released only when the
    /// evaluation ends.
    async fn on_pool(
        &self,
        evaluation: Evaluation,
        reserving: &Arc<Reserving>,
        permit: tokio::sync::OwnedSemaphorePermit,
    ) -> Result<Evaluated, BadReview> {
        let (work, reserving) = (evaluation.clone(), Arc::clone(reserving));
        let running = self.permits.spawn(move || {
            let evaluated = work.run(&reserving);
            drop((permit, reserving));
            evaluated
        });
        let until = evaluation.deadline + POOL_GRACE;
        match tokio::time::timeout_at(until.into(), running).await {
            Ok(Ok(evaluated)) => evaluated,
            Ok(Err(_)) => evaluation.fail(Failure::Panic),
            Err(_) => evaluation.fail(time_failure(&self.limits)),
        }
    }
}

/// Makes another worker thread poll I/O. A worker that runs an evaluation does not poll, and tokio wakes another worker
/// only if a second task is queued, so this spawns two empty tasks.
fn wake_another_worker() {
    for _ in 0..2 {
        tokio::spawn(async {});
    }
}

/// Returns the failure of a policy that did not end at its time limit.
fn time_failure(limits: &Limits) -> Failure {
    Failure::Time { limit_ms: limits.policy_time.as_millis().try_into().unwrap_or(u64::MAX) }
}

/// Counts a request that is turned away, and returns its response.
fn shed(route: &PolicyRoute, reason: ShedReason, message: &str) -> Reply {
    route.metrics.shed(reason);
    reply::busy(message)
}

/// Returns what an evaluation says of a reservation.
fn judgement(evaluated: &Result<Evaluated, BadReview>) -> Judgement {
    match evaluated.as_ref().map(|evaluated| &evaluated.answer) {
        Ok(ReviewAnswer::Verdict { allowed: true, .. }) => Judgement::Allowed,
        Ok(ReviewAnswer::Verdict { .. }) => Judgement::Denied,
        _ => Judgement::Undecided,
    }
}

fn label(answer: &ReviewAnswer, would_deny: bool) -> VerdictLabel {
    match answer {
        ReviewAnswer::Verdict { .. } if would_deny => VerdictLabel::WouldDeny,
        ReviewAnswer::Verdict { patched: true, .. } => VerdictLabel::Patch,
        ReviewAnswer::Verdict { allowed: true, .. } => VerdictLabel::Allow,
        ReviewAnswer::Verdict { .. } => VerdictLabel::Deny,
        ReviewAnswer::Failed { .. } | ReviewAnswer::Deferred { .. } | ReviewAnswer::Unavailable { .. } => {
            VerdictLabel::Error
        }
    }
}

fn too_large(begun: &[u8], limit: usize) -> Reply {
    match review::too_large(begun, limit) {
        Ok(answer) => reply::review(answer),
        Err(line) => reply::text(StatusCode::PAYLOAD_TOO_LARGE, line),
    }
}

/// Returns whether the content type is JSON, with or without parameters.
fn is_json(request: &Request<Incoming>) -> bool {
    let Some(Ok(kind)) = request.headers().get(CONTENT_TYPE).map(|kind| kind.to_str()) else { return false };
    let essence = kind.split_once(';').map_or(kind, |(essence, _)| essence);
    essence.trim().eq_ignore_ascii_case("application/json")
}
