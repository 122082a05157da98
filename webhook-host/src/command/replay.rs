//! `ordinance replay`: what another policy, or other settings, would have answered to recorded reviews.
//!
//! Each side reviews the requests in the order in which they were recorded, with an index of its own, and remembers what it admits.

mod answer;
mod comparison;
mod recorded_request;
mod report;

use super::exit::Exit;
use super::local_components::warn_of_built_in;
use super::output::{self, CommonArgs, print};
use super::policies::{self, ServedPolicy};
use crate::config::{NAMESPACE, PolicyArgs, PolicyComponentArgs, State};
use crate::limits::Limits;
use answer::Side;
use anyhow::Result;
use clap::{Args, ValueEnum};
use comparison::Comparison;
use recorded_request::Traffic;
use std::path::PathBuf;

/// Show what another policy, or other settings, would change on recorded reviews
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance replay --policy new.wasm --old-policy old.wasm reviews/
  ordinance replay --settings strict.yaml reviews/
  ordinance replay --old-settings today.yaml --settings tomorrow.yaml reviews.jsonl
  ordinance record --from http://127.0.0.1:8082 --directory reviews/

A file holds an AdmissionReview, or a line for each review as `ordinance record` writes them. The
phase of a single review is the word mutate or validate in its name, e.g. 003-validate-web.json;
without one, it is reviewed by both webhooks. A validating review is left out if the mutating
reviews of its kind are there: each side validates what it has patched itself.

Exit codes: 0 nothing would change, 1 a verdict, a rule or a patch would, 2 a review could not be
read, or got no verdict, 64 bad usage.")]
pub(super) struct ReplayArgs {
    /// Files or directories with recorded reviews
    #[arg(value_name = "FILE|DIR", required = true)]
    paths: Vec<PathBuf>,
    /// The policy to compare with, a Wasm component [default: the built-in policy]
    #[arg(long, value_name = "FILE", env = "ORDINANCE_OLD_POLICY", hide_env = true)]
    old_policy: Option<PathBuf>,
    /// The settings to compare with, in YAML or JSON
    #[arg(long, value_name = "FILE", env = "ORDINANCE_OLD_SETTINGS", hide_env = true)]
    old_settings: Option<PathBuf>,
    /// The format of the report
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: ReplayFormat,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// The format of a comparison.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ReplayFormat {
    /// A row for each kind of change, with one example
    #[default]
    Table,
    /// For scripts
    Json,
}

pub(super) fn run(args: &ReplayArgs, common: CommonArgs) -> Result<Exit> {
    let limits = Limits { remembered_objects: usize::MAX, ..Limits::default() };
    let existing = State::read(&args.policy.state, NAMESPACE).into_objects()?;
    let load = |policy: &PolicyArgs| policies::with_existing(policy, &limits, &existing);
    let (old, new) = (load(&args.old())?, load(&args.policy)?);
    let traffic = Traffic::read(&args.paths, &limits);
    let comparison = compare(&traffic, &old, &new, &limits);
    for error in &comparison.errors {
        output::error(common.color, &anyhow::anyhow!("{error}"));
    }
    args.print(&comparison, common)?;
    args.warn_of_built_in(common);
    Ok(exit_code(&comparison))
}

/// Replays the reviews on both sides.
fn compare(traffic: &Traffic, old: &ServedPolicy, new: &ServedPolicy, limits: &Limits) -> Comparison {
    let (old, new) = (Side::new(old, limits), Side::new(new, limits));
    let mut comparison = Comparison { errors: traffic.errors.clone(), ..Comparison::default() };
    for recorded in traffic.replayed() {
        comparison.add(recorded, old.answer(recorded), new.answer(recorded));
    }
    comparison
}

fn exit_code(comparison: &Comparison) -> Exit {
    if !comparison.errors.is_empty() || comparison.reviews == 0 {
        Exit::Error
    } else if comparison.changed > 0 {
        Exit::Refused
    } else {
        Exit::Success
    }
}

// === impl ReplayArgs ===

impl ReplayArgs {
    /// Returns why the arguments can't be combined.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        let is_same =
            self.policy.component.policy == self.old_policy && self.policy.settings == self.old_settings;
        is_same.then_some("both sides are the same: give --policy or --settings for the new side, --old-policy or --old-settings for the old one")
    }

    /// Warns of a side that may be meant to be a policy of the working directory.
    fn warn_of_built_in(&self, common: CommonArgs) {
        match &self.old_policy {
            None => warn_of_built_in(None, "as the old side, give --old-policy FILE", common),
            Some(_) => {
                let new = self.policy.component.policy.as_deref();
                warn_of_built_in(new, "as the new side, give --policy FILE", common);
            }
        }
    }

    /// Returns the flags of the old side.
    fn old(&self) -> PolicyArgs {
        PolicyArgs {
            component: PolicyComponentArgs {
                policy: self.old_policy.clone(),
                wasi: self.policy.component.wasi,
            },
            settings: self.old_settings.clone(),
            state: self.policy.state.clone(),
        }
    }

    fn print(&self, comparison: &Comparison, common: CommonArgs) -> Result<()> {
        let text = match self.output {
            ReplayFormat::Json => report::json(comparison),
            ReplayFormat::Table => report::table(comparison, output::columns(), common.quiet),
        };
        print(text.as_bytes())?;
        Ok(())
    }
}
