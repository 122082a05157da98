//! Repeats one step of a review a given number of times, for valgrind to count its instructions.

use crate::allow_all::server;
use crate::load::{Client, LoadTarget};
use crate::process::ServerIdentity;
use anyhow::{Result, ensure};
use bytes::Bytes;
use clap::ValueEnum;
use ordinance::admission::Admission;
use ordinance::judge::Judge;
use ordinance::limits::Limits;
use ordinance::review::{AdmissionReview, Answering, OnError};
use ordinance::server::{Stopper, stop};
use ordinance_contract::{Phase, Request};
use ordinance_engine::{Engine, Policy, StartedReview};
use ordinance_storage::{PersistentVolume, PodTemplate, RawTemplate, StatefulSet, json};
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// Longer than any review takes, even in valgrind.
const DEADLINE: Duration = Duration::from_secs(100);

/// A step to repeat. From the guest to the answer, each contains the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StepKind {
    /// The body becomes a review.
    Envelope,
    /// An instance is made and dropped: the extra cost of a review on a fresh one.
    Instance,
    /// The policy reviews on an instance that served before, without other objects.
    Guest,
    /// The policy decides, with the index.
    Judgement,
    /// The body becomes a review, the policy decides, and the answer becomes a body.
    Answer,
    /// The objects are read as the rules see them, in native code: most of what the guest does first.
    Parse,
    /// A server that allows everything answers a request over TLS, on a connection that is open. Not one with the policy: it
    /// would move reviews that are as slow as in valgrind to another thread.
    AllowedRequest,
    /// A server that allows everything answers one request on a new connection.
    Connection,
}

/// A recorded review, with the phase in which it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReviewKind {
    /// A set of 6.3 KiB is created, and gets a patch.
    SetCreated,
    /// A set is updated; both states have 17 KiB together.
    SetUpdated,
    /// A volume is created.
    Volume,
    /// The replicas of a set are scaled.
    Scale,
}

/// What to repeat.
#[derive(clap::Args)]
pub struct Arguments {
    step: StepKind,
    review: ReviewKind,
    times: u32,
}

/// Repeats the step on the thread that calls, and only there.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { step, review, times } = *arguments;
    let limits = Limits::default();
    if let StepKind::AllowedRequest | StepKind::Connection = step {
        serve(step, review, times)?;
        return Ok(ExitCode::SUCCESS);
    }
    let policy = Arc::new(policy()?);
    let admission = Admission::new(Arc::clone(&policy), &limits);
    let parsed = AdmissionReview::parse(review.body(), limits.json_depth)?;
    let request = parsed.request(review.phase());
    for _ in 0..times {
        let deadline = Instant::now() + DEADLINE;
        match step {
            StepKind::Envelope => {
                let parsed = AdmissionReview::parse(black_box(review.body()), limits.json_depth)?;
                black_box(parsed.request(review.phase()));
            }
            StepKind::Instance => policy.instantiate(deadline)?,
            StepKind::Guest => guest(&policy, &request, deadline)?,
            StepKind::Judgement => drop(black_box(admission.judge(&request, deadline)?)),
            StepKind::Parse => parse(review, &request)?,
            _ => answer(&admission, review, &limits, deadline)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Loads the policy with room for few instances: valgrind has no address space for more.
fn policy() -> Result<Policy> {
    let limits = Limits { policy_instances: 4, ..Limits::default() };
    Ok(Policy::built_in(&Engine::new(limits.engine())?, "")?)
}

fn guest(policy: &Policy, request: &Request<'_>, deadline: Instant) -> Result<()> {
    match policy.start_review(request, deadline)? {
        StartedReview::Decided(verdict) => drop(black_box(verdict)),
        StartedReview::NeedsHoldings(keys, pending) => drop(black_box((keys, pending.resume(&[])?))),
    }
    Ok(())
}

fn parse(review: ReviewKind, request: &Request<'_>) -> Result<()> {
    for object in [&request.object, &request.old_object].into_iter().flatten() {
        match review {
            ReviewKind::SetCreated | ReviewKind::SetUpdated => {
                black_box(json::read::<StatefulSet<'_, PodTemplate<'_>>>(object)?);
            }
            ReviewKind::Volume => {
                black_box(json::read::<PersistentVolume<'_>>(object)?);
            }
            ReviewKind::Scale => {
                black_box(json::read::<StatefulSet<'_, RawTemplate<'_>>>(object)?);
            }
        }
    }
    Ok(())
}

fn answer(admission: &Admission, review: ReviewKind, limits: &Limits, deadline: Instant) -> Result<()> {
    let parsed = AdmissionReview::parse(black_box(review.body()), limits.json_depth)?;
    let by = Answering {
        policy: "storage",
        phase: review.phase(),
        on_error: OnError::Deny,
        limit: limits.answer_bytes,
    };
    let outcome = admission.judge(&parsed.request(by.phase), deadline);
    black_box(parsed.answer(&by, outcome));
    Ok(())
}

/// Serves the requests that another thread sends, on this thread.
fn serve(step: StepKind, review: ReviewKind, times: u32) -> Result<()> {
    let identity = ServerIdentity::new()?;
    let runtime = runtime()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let target = LoadTarget {
        address: listener.local_addr()?,
        tls: identity.client(),
        body: Bytes::from_static(review.body()),
        path: review.path().into(),
    };
    let (stopper, stop) = stop();
    let client = ask(target, step, times, stopper);
    let server = server(&identity.certificate(), &identity.key(), Arc::new(patient_limits()))?;
    runtime.block_on(server.run(listener, stop))?;
    ensure!(client.join().is_ok_and(|asked| asked.is_ok()), "a request was not answered");
    Ok(())
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Returns limits that no request exceeds in valgrind.
fn patient_limits() -> Limits {
    let limits = Limits::default();
    Limits { policy_time: DEADLINE, deadline: DEADLINE, handshake_time: DEADLINE, ..limits }
}

/// Asks one request after the other, and stops the server.
fn ask(target: LoadTarget, step: StepKind, times: u32, stopper: Stopper) -> JoinHandle<Result<()>> {
    std::thread::spawn(move || {
        let asked = runtime()?.block_on(async {
            let mut client = Client::connect(&target).await?;
            for _ in 0..times {
                if step == StepKind::Connection {
                    client = Client::connect(&target).await?;
                }
                client.ask().await?;
            }
            Ok(())
        });
        stopper.stop_now();
        asked
    })
}

// === impl ReviewKind ===

impl ReviewKind {
    fn body(self) -> &'static [u8] {
        match self {
            Self::SetCreated => crate::server::REVIEW,
            Self::SetUpdated => {
                include_bytes!("../../../data/reviews/031-mutate-update-statefulsets-shop.json")
            }
            Self::Volume => {
                include_bytes!("../../../data/reviews/022-validate-create-persistentvolumes-uploads-a.json")
            }
            Self::Scale => {
                include_bytes!("../../../data/reviews/012-validate-update-statefulsets-scale-web.json")
            }
        }
    }

    fn phase(self) -> Phase {
        match self {
            Self::SetCreated | Self::SetUpdated => Phase::Mutate,
            Self::Volume | Self::Scale => Phase::Validate,
        }
    }

    fn path(self) -> &'static str {
        match self.phase() {
            Phase::Mutate => "/mutate/storage?timeout=10s",
            _ => "/validate/storage?timeout=10s",
        }
    }
}
