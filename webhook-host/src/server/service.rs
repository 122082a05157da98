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
use crate::review::{self, BadReview, ReviewAnswer};
use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, StatusCode};
use ordinance_contract::Phase;
use ordinance_engine::{Execution, Failure};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long after its deadline an evaluation on the pool is abandoned.
const POOL_GRACE: Duration = Duration::from_millis(250);

// The reasons of answers with status 503.
const MEMORY_USED_UP: &str = "too many or too large bodies at once";
const QUEUE_FULL: &str = "too many requests are waiting for an evaluation";
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
    stop: Stop,
}

/// A request with a valid head.
struct AcceptedRequest {
    route: Arc<PolicyRoute>,
    phase: Phase,
    arrival: Instant,
    deadline: Instant,
}

/// A response.
pub(super) struct Answer {
    pub(super) reply: Reply,
    /// Whether the whole body of the request was received.
    pub(super) is_body_read: bool,
}

/// The part of a request's head that is invalid.
enum HeadError {
    Path,
    Method,
    ContentType,
}

// === impl HeadError ===

impl HeadError {
    fn reply(&self) -> Reply {
        match self {
            Self::Path => reply::text(StatusCode::NOT_FOUND, "no policy has this path"),
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
        stop: Stop,
    ) -> io::Result<Self> {
        Ok(Self {
            routes,
            callers,
            limits: Arc::clone(limits),
            metrics: Arc::clone(metrics),
            bodies: Bodies::new(limits),
            permits: Permits::new(limits)?,
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
        let (phase, route) = self
            .callers
            .without_token(path)
            .and_then(|path| self.routes.find(path))
            .ok_or(HeadError::Path)?;
        if request.method() != Method::POST {
            return Err(HeadError::Method);
        }
        if !is_json(request) {
            return Err(HeadError::ContentType);
        }
        let deadline = deadline::deadline(arrival, request.uri().query(), &self.limits);
        Ok(AcceptedRequest { route, phase, arrival, deadline })
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
        let AcceptedRequest { route, phase, arrival, deadline } = accepted;
        let may_run_inline = self.may_run_inline(&route, &body);
        let execution = if may_run_inline { pace.execution() } else { Execution::ThreadPool };
        let evaluation = Evaluation::new(Arc::clone(&route), phase, body, deadline, &self.limits);
        let Some(mut evaluated) = self.run(&evaluation, execution).await else {
            return shed(&route, ShedReason::Queue, QUEUE_FULL);
        };
        if let Ok(Evaluated { unconfirmed, .. }) = &mut evaluated
            && !unconfirmed.is_empty()
        {
            let confirmed = Arc::clone(&route.judge).confirm(std::mem::take(unconfirmed));
            if tokio::time::timeout_at(deadline.into(), confirmed).await.is_err() {
                return shed(&route, ShedReason::Unavailable, NOT_TOLD_IN_TIME);
            }
            let Some(again) = self.run(&evaluation, execution).await else {
                return shed(&route, ShedReason::Queue, QUEUE_FULL);
            };
            evaluated = again;
        }
        if let (Ok(Evaluated { cpu_time, .. }), true) = (&evaluated, may_run_inline) {
            pace.reviewed(*cpu_time);
        }
        let reply = self.counted_reply(&route, evaluated);
        route.metrics.total.observe(arrival.elapsed().as_secs_f64());
        reply
    }

    /// Runs an evaluation, or returns `None` if too many others wait.
    async fn run(
        &self,
        evaluation: &Evaluation,
        execution: Execution,
    ) -> Option<Result<Evaluated, BadReview>> {
        let queued = Instant::now();
        let permit = self.permits.acquire(execution).await?;
        evaluation.route.metrics.queue.observe(queued.elapsed().as_secs_f64());
        Some(match execution {
            Execution::Inline => {
                wake_another_worker();
                evaluation.run()
            }
            Execution::ThreadPool => self.on_pool(evaluation.clone(), permit).await,
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
        route.metrics.evaluation.observe(time.as_secs_f64());
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
        permit: tokio::sync::OwnedSemaphorePermit,
    ) -> Result<Evaluated, BadReview> {
        let work = evaluation.clone();
        let running = self.permits.spawn(move || {
            let evaluated = work.run();
            drop(permit);
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
