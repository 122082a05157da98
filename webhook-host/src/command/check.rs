//! `ordinance check`: manifests judged as one cluster, before anything reaches one.
//!
//! Each object is a CREATE, in the order of the input: the mutating review, and of what that makes the validating one,
//! both by the server's own judge. What is let in holds its keys for those after it; claims are there from the start.
//! What is to be added to them can be written where they are kept.

mod fix;
mod input;
mod judging;
mod progress;

use super::given::GivenArgs;
use super::policies::ServedPolicy;
use super::{CommonArgs, Exit, output, print};
use crate::limits::Limits;
use anyhow::Result;
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use input::Input;
use judging::Judging;
use ordinance_report::{Look, Report, Verbosity, json, junit, sarif, text};
use progress::Progress;

/// Judge manifests as a cluster would that they are applied to
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance check deploy/
  helm template shop ./chart | ordinance check -
  kustomize build overlays/live | ordinance check - --settings settings.yaml
  kubectl get statefulsets,pvc,pv,storageclasses -A -o yaml | ordinance check -
  ordinance check web.yaml --state cluster.yaml --output sarif > ordinance.sarif
  ordinance check --diff deploy/
  ordinance check --fix deploy/
  helm template shop ./chart | ordinance check --fix - | kubectl apply -f -

Each object is judged as one that is created, in the order given; objects of kinds that the
policy does not know are counted and passed over. Directories are searched for *.yaml, *.yml and
*.json.

--fix writes what the cluster would add at admission, and the expression that a message proposes
for a fixed sub-path; every other byte stays. What is piped in goes to stdout, and what is told
of it to stderr. An object with metadata.uid exists already: of it nothing is written, but how
to migrate it is told. With --fix and --diff the exit code is that of what remains.

Exit codes: 0 nothing denied, 1 something denied, 2 something could not be read or judged.")]
pub(super) struct CheckArgs {
    /// How to tell what was found
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: Output,
    /// Write what is to be added into the files
    #[arg(long, env = "ORDINANCE_FIX", hide_env = true, value_parser = BoolishValueParser::new())]
    fix: bool,
    /// Show what --fix would write, as a unified diff, and write nothing
    #[arg(long, env = "ORDINANCE_DIFF", hide_env = true, value_parser = BoolishValueParser::new())]
    diff: bool,
    #[command(flatten)]
    given: GivenArgs,
}

/// How to tell what was found.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    /// The lines in question, what is wrong with them and what to do
    #[default]
    Text,
    /// For scripts: one object with results, errors and a summary
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// For continuous integration: a suite for each file, a case for each object
    Junit,
}

pub(super) fn run(args: &CheckArgs, common: CommonArgs) -> Result<Exit> {
    let (state, judged) = args.given.load()?;
    if args.fix || args.diff {
        let (progress, input) = read(&args.given, &judged, common);
        return fix::run(args, common, (&judged, &state), (progress, input));
    }
    reported(&args.given, &judged, common, |report| {
        print(told(report, args.output, common).as_bytes())?;
        Ok(exit(report))
    })
}

/// Reads and judges what is named, and goes on with what was found.
pub(super) fn reported<T>(
    given: &GivenArgs,
    judged: &ServedPolicy,
    common: CommonArgs,
    go_on: impl FnOnce(&Report<'_>) -> Result<T>,
) -> Result<T> {
    let (progress, input) = read(given, judged, common);
    let report = Judging::new(judged, &Limits::default(), &progress).report(&input)?;
    drop(progress);
    go_on(&report)
}

fn read(given: &GivenArgs, judged: &ServedPolicy, common: CommonArgs) -> (Progress, Input) {
    judged.report_unreadable();
    let mut progress = Progress::start(!common.quiet);
    let input = Input::read(&given.paths, &given.namespace, &judged.judge, &progress);
    if input.is_empty() && !common.quiet {
        progress.end();
        output::note(
            "there is no object in what was given; of directories *.yaml, *.yml and *.json are read",
        );
    }
    (progress, input)
}

fn told(report: &Report<'_>, output: Output, common: CommonArgs) -> String {
    match output {
        Output::Text => text(report, common.look(common.color.on_stdout())),
        Output::Json => json(report),
        Output::Sarif => sarif(report),
        Output::Junit => junit(report),
    }
}

/// How a run ends that found this.
pub(super) fn exit(report: &Report<'_>) -> Exit {
    let is_unjudged = report.judgements.iter().any(|judgement| judgement.code == 500);
    if is_unjudged || !report.troubles.is_empty() {
        Exit::Unjudged
    } else if report.judgements.iter().all(|judgement| judgement.allowed) {
        Exit::Fine
    } else {
        Exit::Refused
    }
}

// === impl CheckArgs ===

impl CheckArgs {
    /// Why this can't be run.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        if let Some(why) = self.given.conflict() {
            return Some(why);
        }
        match (self.output, self.takes_stdout()) {
            (Output::Text, _) | (_, false) => None,
            _ if self.diff => Some("--diff writes to stdout; leave out --output, or run again for it"),
            _ => Some("--fix writes what is piped in to stdout; leave out --output, or give a file"),
        }
    }

    /// Whether stdout is for a text, so that nothing else may be written there.
    fn takes_stdout(&self) -> bool {
        self.diff || self.fix && self.given.reads_stdin()
    }
}

// === impl CommonArgs ===

impl CommonArgs {
    /// How a report looks.
    fn look(self, is_coloured: bool) -> Look {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, _) => Verbosity::Verbose,
        };
        Look { is_coloured, verbosity }
    }
}
