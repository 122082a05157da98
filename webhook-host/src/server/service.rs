//! The way of one request: route, body, turn, evaluation, reply.

use super::body::{Bodies, Body, BodyError};
use super::evaluation::{Evaluated, Evaluation};
use super::reply::{self, Reply};
use super::routes::{Route, Routes};
use super::turns::Turns;
use super::{Server, Stop, deadline};
use crate::limits::Limits;
use crate::metrics::{Metrics, ShedReason, VerdictLabel};
use crate::review::{self, Answer, BadReview};
use hyper::body::{Body as _, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, StatusCode};
use ordinance_contract::Phase;
use ordinance_engine::{Failure, Place};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much longer than its deadline an evaluation on the pool is waited for, before it is given up.
const PATIENCE: Duration = Duration::from_millis(250);

/// Answers requests; shared by all connections.
#[derive(Debug)]
pub(super) struct Service {
    routes: Routes,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
    bodies: Bodies,
    turns: Turns,
    stop: Stop,
}

/// A request that has been let in.
struct Admitted {
    route: Arc<Route>,
    phase: Phase,
    arrival: Instant,
    deadline: Instant,
}

/// What about its head keeps a request out.
enum Refused {
    Path,
    Method,
    ContentType,
}

// === impl Refused ===

impl Refused {
    fn reply(&self) -> Reply {
        match self {
            Self::Path => reply::text(StatusCode::NOT_FOUND, "no policy is served here"),
            Self::Method => reply::only("POST"),
            Self::ContentType => {
                reply::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json")
            }
        }
    }
}

// === impl Service ===

impl Service {
    /// # Errors
    ///
    /// The system has no resources for the pool of threads.
    pub(super) fn new(server: &Server, stop: Stop) -> io::Result<Self> {
        Ok(Self {
            routes: server.routes.clone(),
            limits: Arc::clone(&server.limits),
            metrics: Arc::clone(&server.metrics),
            bodies: Bodies::new(&server.limits),
            turns: Turns::new(&server.limits)?,
            stop,
        })
    }

    /// The reply to a request. On a server that stops it ends the connection.
    pub(super) async fn reply(&self, request: Request<Incoming>) -> Reply {
        let reply = match self.admit(&request) {
            Ok(admitted) => self.review(admitted, request.into_body()).await,
            Err(refused) if request.body().is_end_stream() => refused.reply(),
            // What was not read can't be followed by another request.
            Err(refused) => reply::closing(refused.reply()),
        };
        if reply.status() != StatusCode::OK {
            self.metrics.rejected(reply.status().as_u16());
        }
        if self.stop.is_draining() { reply::closing(reply) } else { reply }
    }

    /// What a request asks, judged by its head.
    fn admit(&self, request: &Request<Incoming>) -> Result<Admitted, Refused> {
        let arrival = Instant::now();
        let Some((phase, route)) = self.routes.find(request.uri().path()) else {
            return Err(Refused::Path);
        };
        if request.method() != Method::POST {
            return Err(Refused::Method);
        }
        if !is_json(request) {
            return Err(Refused::ContentType);
        }
        let deadline = deadline::deadline(arrival, request.uri().query(), &self.limits);
        Ok(Admitted { route, phase, arrival, deadline })
    }

    async fn review(&self, admitted: Admitted, incoming: Incoming) -> Reply {
        match self.bodies.read(incoming).await {
            Ok(body) => self.evaluate(admitted, body).await,
            Err(error) => self.unread(&admitted, error),
        }
    }

    /// The reply to a body that could not be read.
    fn unread(&self, admitted: &Admitted, error: BodyError) -> Reply {
        reply::closing(match error {
            BodyError::Large(begun) => too_large(&begun, self.limits.body_bytes),
            BodyError::Slow => reply::text(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"),
            BodyError::Broken => reply::text(StatusCode::BAD_REQUEST, "the body broke off"),
            BodyError::Memory => {
                admitted.route.metrics.shed(ShedReason::Memory);
                reply::busy("too many large bodies at once")
            }
        })
    }

    async fn evaluate(&self, admitted: Admitted, body: Body) -> Reply {
        let Admitted { route, phase, arrival, deadline } = admitted;
        let place = self.place(&route, &body);
        let queued = Instant::now();
        let Some(turn) = self.turns.take(place).await else {
            route.metrics.shed(ShedReason::Queue);
            return reply::busy("too many requests wait to be evaluated");
        };
        route.metrics.queue.observe(queued.elapsed().as_secs_f64());
        let evaluation =
            Evaluation::new(Arc::clone(&route), phase, body.bytes.clone(), deadline, &self.limits);
        let evaluated = match place {
            Place::Inline => {
                wake_another();
                evaluation.run()
            }
            Place::Pool => self.on_pool(evaluation, turn).await,
        };
        let reply = finish(&route, evaluated);
        route.metrics.total.observe(arrival.elapsed().as_secs_f64());
        reply
    }

    fn place(&self, route: &Route, body: &Body) -> Place {
        if body.bytes.len() > self.limits.inline_bytes { Place::Pool } else { route.judge.place() }
    }

    /// Evaluates on the pool. The turn ends with the evaluation, however long that is, the wait with the deadline.
    async fn on_pool(
        &self,
        evaluation: Evaluation,
        turn: tokio::sync::OwnedSemaphorePermit,
    ) -> Result<Evaluated, BadReview> {
        let work = evaluation.clone();
        let running = self.turns.spawn(move || {
            let evaluated = work.run();
            drop(turn);
            evaluated
        });
        let until = evaluation.deadline + PATIENCE;
        match tokio::time::timeout_at(until.into(), running).await {
            Ok(Ok(evaluated)) => evaluated,
            Ok(Err(_)) => evaluation.fail(Failure::Panic),
            Err(_) => evaluation.fail(overdue(&self.limits)),
        }
    }
}

/// Lets another thread wait for what comes meanwhile: who evaluates does not look, and the runtime wakes a thread only for
/// a second task that waits.
fn wake_another() {
    for _ in 0..2 {
        tokio::spawn(async {});
    }
}

/// The failure of a policy that did not stop by itself.
fn overdue(limits: &Limits) -> Failure {
    Failure::Time { limit_ms: limits.policy_time.as_millis().try_into().unwrap_or(u64::MAX) }
}

/// The reply that an evaluation leads to, counted.
fn finish(route: &Route, evaluated: Result<Evaluated, BadReview>) -> Reply {
    let Evaluated { answer, operation, time } = match evaluated {
        Ok(evaluated) => evaluated,
        Err(bad) => return reply::text(StatusCode::BAD_REQUEST, bad.to_string()),
    };
    route.metrics.evaluation.observe(time.as_secs_f64());
    let label = label(&answer);
    route.metrics.answered(label, operation);
    match answer {
        Answer::Verdict { body, .. } => reply::review(body),
        Answer::Failed { failure, body } => {
            route.metrics.failed(&failure);
            reply::review(body)
        }
        Answer::Deferred { failure, message } => {
            route.metrics.failed(&failure);
            reply::text(StatusCode::INTERNAL_SERVER_ERROR, message)
        }
        Answer::Unavailable => {
            route.metrics.shed(ShedReason::Unavailable);
            reply::busy("the policy can't judge for now")
        }
    }
}

fn label(answer: &Answer) -> VerdictLabel {
    match answer {
        Answer::Verdict { patched: true, .. } => VerdictLabel::Patch,
        Answer::Verdict { allowed: true, .. } => VerdictLabel::Allow,
        Answer::Verdict { .. } => VerdictLabel::Deny,
        Answer::Failed { .. } | Answer::Deferred { .. } | Answer::Unavailable => VerdictLabel::Error,
    }
}

fn too_large(begun: &[u8], limit: usize) -> Reply {
    match review::too_large(begun, limit) {
        Ok(answer) => reply::review(answer),
        Err(line) => reply::text(StatusCode::PAYLOAD_TOO_LARGE, line),
    }
}

/// Whether the content type is JSON, with or without parameters.
fn is_json(request: &Request<Incoming>) -> bool {
    let Some(Ok(kind)) = request.headers().get(CONTENT_TYPE).map(|kind| kind.to_str()) else { return false };
    let essence = kind.split_once(';').map_or(kind, |(essence, _)| essence);
    essence.trim().eq_ignore_ascii_case("application/json")
}
