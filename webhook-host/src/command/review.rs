//! `ordinance review`: answers one admission review as the server would.

use super::exit::Exit;
use super::output::print;
use super::policies;
use crate::config::{InputError, PolicyArgs};
use crate::judge::Judge as _;
use crate::limits::Limits;
use crate::review::{self, AdmissionReview, Answering, OnError, ReviewAnswer, UID_PREFIX};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use ordinance_contract::Phase;
use ordinance_files::open_regular_or_pipe;
use ordinance_report::plain_json;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Answer one AdmissionReview as the server would, byte for byte.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance review request.json
  ordinance review --phase validate --state cluster.yaml < request.json
  ordinance review request.json | jq -r '.response.patch | @base64d'

A body that is larger than the limit is denied, as by the server.

Exit codes: 0 allowed, 1 denied, 2 no verdict.")]
pub(super) struct ReviewArgs {
    /// An AdmissionReview; `-` or nothing for stdin.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The webhook that receives the review.
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_PHASE", hide_env = true)]
    phase: PhaseArg,
    #[command(flatten)]
    policy: PolicyArgs,
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

pub(super) fn run(args: &ReviewArgs) -> Result<Exit> {
    let limits = Limits::default();
    let body = read_body(args.file.as_deref(), limits.body_bytes)?;
    if body.len() > limits.body_bytes {
        return print_too_large(&body, limits.body_bytes);
    }
    refuse_other_text(&body).map_err(|error| match named_file(args.file.as_deref()) {
        Some(path) => InputError::of_file(path, error),
        None => InputError::new("stdin", error),
    })?;
    let policy = policies::from_flags(&args.policy, &limits)?;
    policy.warn_of_unreadable();
    let review = AdmissionReview::parse(&body, limits.json_depth);
    let review = review.map_err(|error| match named_file(args.file.as_deref()) {
        Some(path) => InputError::of_file(path, error).into(),
        None => anyhow::Error::from(error),
    })?;
    let by = Answering {
        policy: &policy.name,
        phase: args.phase.into(),
        on_error: OnError::Deny,
        limit: limits.answer_bytes,
    };
    let outcome = policy.admission.judge(&review.request(by.phase), Instant::now() + limits.deadline);
    print_answer(review.answer(&by, outcome))
}

/// Refuses a text that is no JSON object, without quoting it as a parser would: it may be a file of secrets.
fn refuse_other_text(body: &[u8]) -> Result<(), &'static str> {
    match body.trim_ascii_start().first() {
        Some(b'{') => Ok(()),
        _ => Err("the body is not an AdmissionReview: it is not a JSON object"),
    }
}

/// Prints an answer and returns the exit code.
fn print_answer(answer: ReviewAnswer) -> Result<Exit> {
    match answer {
        ReviewAnswer::Verdict { allowed, body, .. } => {
            print_body(body)?;
            Ok(if allowed { Exit::Success } else { Exit::Refused })
        }
        ReviewAnswer::Failed { body, .. } => {
            print_body(body)?;
            Ok(Exit::Error)
        }
        ReviewAnswer::Deferred { message, .. } | ReviewAnswer::Unavailable { message } => bail!(message),
    }
}

/// Prints an answer, with a line break on a terminal, where a prompt follows. Characters that act are escaped: the answer may
/// have names of the request.
fn print_body(body: Vec<u8>) -> io::Result<()> {
    let mut body = match String::from_utf8(body) {
        Ok(json) => plain_json(json).into_bytes(),
        Err(error) => error.into_bytes(),
    };
    if io::stdout().is_terminal() {
        body.push(b'\n');
    }
    print(&body)
}

/// Prints the answer to a body that is larger than the limit.
fn print_too_large(body: &[u8], limit: usize) -> Result<Exit> {
    let prefix = body.get(..UID_PREFIX).unwrap_or(body);
    match review::too_large(prefix, limit) {
        Ok(answer) => {
            print_body(answer)?;
            Ok(Exit::Refused)
        }
        Err(line) => bail!(line),
    }
}

/// Returns the file, unless it stands for stdin.
fn named_file(file: Option<&Path>) -> Option<&Path> {
    file.filter(|path| *path != Path::new("-"))
}

/// Reads the review, but at most one byte more than the limit.
fn read_body(file: Option<&Path>, limit: usize) -> Result<Vec<u8>, InputError> {
    match named_file(file) {
        Some(path) => open_regular_or_pipe(path).and_then(|file| read(file, limit)).map_err(|error| {
            InputError::of_file(path, format_args!("{error}; give a file that can be read, or - for stdin"))
        }),
        None => read(io::stdin().lock(), limit).map_err(|error| InputError::new("stdin", error)),
    }
}

fn read(source: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    source.take(limit as u64 + 1).read_to_end(&mut body)?;
    Ok(body)
}

impl From<PhaseArg> for Phase {
    fn from(phase: PhaseArg) -> Self {
        match phase {
            PhaseArg::Mutate => Self::Mutate,
            PhaseArg::Validate => Self::Validate,
        }
    }
}
