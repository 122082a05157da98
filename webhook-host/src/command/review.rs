//! `ordinance review`: answers admission reviews as the server would, also those that it makes of manifests.

mod dropped;
mod input;

use super::change_args::{ChangeArgs, INPUT_BYTES, input_name, named_file, read_input};
use super::exit::Exit;
use super::explanation::explanation;
use super::local_components::warn_of_built_in;
use super::output::{self, CommonArgs, print};
use super::policies::{self, ServedPolicy};
use super::stale_component::warn_if_stale;
use crate::config::{InputError, PolicyArgs};
use crate::judge::Judge as _;
use crate::limits::Limits;
use crate::review::{self, AdmissionReview, Answering, BadReview, OnError, ReviewAnswer, UID_PREFIX};
use anyhow::{Result, bail};
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use dropped::dropped;
pub(super) use input::ReviewInput;
use ordinance_contract::{Phase, Request};
use ordinance_report::{plain_json, unasked};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Instant;

/// Answer AdmissionReviews, or manifests, as the server would, byte for byte
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance review request.json
  ordinance review --phase validate --state cluster.yaml < request.json
  ordinance review web.yaml --policy policy.wasm --explain
  ordinance review web.yaml --phase validate --update stored.yaml --user eve
  ordinance review request.json | jq -r '.response.patch | @base64d'

Of each object of a manifest, the AdmissionReview is answered that `ordinance request` prints. Of
several reviews, each answer has a line of its own. What the server would drop of the policy's
verdict is said on stderr. A body that is larger than the limit is denied, as by the server.

Exit codes: 0 allowed, 1 denied, 2 no verdict.")]
pub(super) struct ReviewArgs {
    /// AdmissionReviews or manifests; `-` or nothing for stdin.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The webhook that receives the review.
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_PHASE", hide_env = true)]
    phase: PhaseArg,
    /// Print to stderr how the policy comes to its verdict: keys, holdings, the deciding step, time, fuel and memory;
    /// the time is longer than without, since fuel is counted.
    #[arg(long, env = "ORDINANCE_EXPLAIN", hide_env = true, value_parser = BoolishValueParser::new())]
    explain: bool,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// A policy that answers reviews one after the other, and remembers what it admits.
struct ReviewSession<'a> {
    args: &'a ReviewArgs,
    policy: ServedPolicy,
    limits: Limits,
    /// Whether each answer ends its line.
    separates: bool,
}

/// The webhook that receives the review.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum PhaseArg {
    /// The mutating one.
    #[default]
    Mutate,
    /// The validating one.
    Validate,
}

pub(super) fn run(args: &ReviewArgs, common: CommonArgs) -> Result<Exit> {
    let limits = Limits::default();
    let (file, name) = (args.file.as_deref(), input_name(args.file.as_deref()));
    let bodies = match ReviewInput::of(read_input(file, INPUT_BYTES)?) {
        ReviewInput::Reviews(bodies) => match args.change.given() {
            None => bodies,
            Some(flag) => {
                bail!(
                    "{flag} applies to manifests, and {name} has an AdmissionReview, which says that itself"
                )
            }
        },
        ReviewInput::Manifests(text) => {
            let manifests = args.change.manifests(&text, &name)?;
            manifests.reviews().map(String::into_bytes).collect()
        }
    };
    warn_if_stale(args.policy.component.policy.as_deref());
    let load = if args.explain { policies::metered } else { policies::from_flags };
    let policy = load(&args.policy, &limits)?;
    policy.warn_of_unreadable();
    warn_of_built_in(args.policy.component.policy.as_deref(), "give --policy FILE", common);
    let session = ReviewSession { args, policy, limits, separates: bodies.len() > 1 };
    let mut exit = Exit::Success;
    for body in &bodies {
        exit = exit.max(session.answer(body).map_err(|error| match named_file(file) {
            Some(path) if error.is::<BadReview>() => InputError::of_file(path, error).into(),
            _ => error,
        })?);
    }
    Ok(exit)
}

// === impl ReviewSession ===

impl ReviewSession<'_> {
    /// Prints the answer to one review, and returns the exit code.
    fn answer(&self, body: &[u8]) -> Result<Exit> {
        let (policy, limits) = (&self.policy, &self.limits);
        if body.len() > limits.body_bytes {
            return self.print_too_large(body);
        }
        let review = AdmissionReview::parse(body, limits.json_depth)?;
        let by = Answering {
            policy: &policy.name,
            phase: self.args.phase.into(),
            on_error: OnError::Deny,
            limit: limits.answer_bytes,
        };
        let request = review.request(by.phase);
        self.warn_if_not_asked(&request);
        if self.args.explain {
            let trace = policy.admission.trace(&request, Instant::now() + limits.deadline);
            output::print_to_stderr(&explanation(&request, &trace));
        }
        let outcome = policy.admission.judge(&request, Instant::now() + limits.deadline);
        if let Ok(verdict) = &outcome {
            for line in dropped(&request, verdict) {
                output::warn(&line);
            }
        }
        self.print_answer(review.answer(&by, outcome))
    }

    /// Warns if the API server does not call the webhook for such a request.
    fn warn_if_not_asked(&self, request: &Request<'_>) {
        let description = self.policy.admission.policy().description();
        let Some(unasked) = unasked(&self.policy.name, description, request, &[request.phase]) else {
            return;
        };
        let other = [Phase::Mutate, Phase::Validate]
            .into_iter()
            .find(|phase| description.is_asked(&request.scope, request.operation, *phase));
        let remedy = match other {
            Some(other) => format!("give --phase {}", other.word()),
            None => "`ordinance inspect` lists what the policy reviews".to_owned(),
        };
        output::warn(&format!("{unasked}; {remedy}"));
    }

    /// Prints an answer and returns the exit code.
    fn print_answer(&self, answer: ReviewAnswer) -> Result<Exit> {
        match answer {
            ReviewAnswer::Verdict { allowed, body, .. } => {
                self.print_body(body)?;
                Ok(if allowed { Exit::Success } else { Exit::Refused })
            }
            ReviewAnswer::Failed { body, .. } => {
                self.print_body(body)?;
                Ok(Exit::Error)
            }
            ReviewAnswer::Deferred { message, .. } | ReviewAnswer::Unavailable { message } => bail!(message),
        }
    }

    /// Prints an answer, with a line break on a terminal, where a prompt follows, and after each of several. Characters that
    /// act are escaped: the answer may have names of the request.
    fn print_body(&self, body: Vec<u8>) -> io::Result<()> {
        let mut body = match String::from_utf8(body) {
            Ok(json) => plain_json(json).into_bytes(),
            Err(error) => error.into_bytes(),
        };
        if self.separates || io::stdout().is_terminal() {
            body.push(b'\n');
        }
        print(&body)
    }

    /// Prints the answer to a body that is larger than the limit.
    fn print_too_large(&self, body: &[u8]) -> Result<Exit> {
        let prefix = body.get(..UID_PREFIX).unwrap_or(body);
        match review::too_large(prefix, self.limits.body_bytes) {
            Ok(answer) => {
                self.print_body(answer)?;
                Ok(Exit::Refused)
            }
            Err(line) => bail!(line),
        }
    }
}

// === impl PhaseArg ===

impl From<PhaseArg> for Phase {
    fn from(phase: PhaseArg) -> Self {
        match phase {
            PhaseArg::Mutate => Self::Mutate,
            PhaseArg::Validate => Self::Validate,
        }
    }
}
