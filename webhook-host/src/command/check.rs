//! `ordinance check`: reviews manifests as one cluster, before they reach a real one.
//!
//! Each object is a CREATE, in the order of the input: the mutating review, then the validating review of the patched
//! object, both by the server's own code. An admitted object is indexed for those after it. `--fix` writes patches and
//! fixes into the files.

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
use ordinance_report::{AdmissionOutcome, CheckReport, ReportStyle, Verbosity, json, junit, sarif, text};
use progress::Progress;

/// Check manifests as the webhooks would
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

Each object is reviewed as a new one, in the order given. Objects of kinds that the policy does
not review are counted and skipped. Directories are searched for *.yaml, *.yml and *.json.

--fix writes the patch of each admitted object, and the first fix of each denial; every other
byte stays. Input from stdin is written to stdout, and the report to stderr. An object with
metadata.uid is stored already: --fix does not change it, but prints how to migrate it. With
--fix and --diff the exit code is that of the remaining findings.

Exit codes: 0 nothing denied, 1 something denied, 2 something could not be read or judged.")]
pub(super) struct CheckArgs {
    /// The format of the report
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: Output,
    /// Write patches and fixes into the files
    #[arg(long, env = "ORDINANCE_FIX", hide_env = true, value_parser = BoolishValueParser::new())]
    fix: bool,
    /// Show what --fix would write, as a unified diff, and write nothing
    #[arg(long, env = "ORDINANCE_DIFF", hide_env = true, value_parser = BoolishValueParser::new())]
    diff: bool,
    #[command(flatten)]
    given: GivenArgs,
}

/// The format of a report.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    /// The lines at fault, what is wrong and what to do
    #[default]
    Text,
    /// For scripts: one object with results, errors and a summary
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// For continuous integration: a suite per file, a case per object
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

/// Reads and reviews the input, and passes the report on.
pub(super) fn reported<T>(
    given: &GivenArgs,
    judged: &ServedPolicy,
    common: CommonArgs,
    go_on: impl FnOnce(&CheckReport<'_>) -> Result<T>,
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
        output::note("the input contains no object; in directories, *.yaml, *.yml and *.json are read");
    }
    (progress, input)
}

fn told(report: &CheckReport<'_>, output: Output, common: CommonArgs) -> String {
    match output {
        Output::Text => text(report, common.style(common.color.on_stdout())),
        Output::Json => json(report),
        Output::Sarif => sarif(report),
        Output::Junit => junit(report),
    }
}

/// The exit code of a report.
pub(super) fn exit(report: &CheckReport<'_>) -> Exit {
    let is_unjudged = report.objects.iter().any(|object| object.outcome == AdmissionOutcome::Failed);
    if is_unjudged || !report.errors.is_empty() {
        Exit::Unjudged
    } else if report.objects.iter().all(|object| object.is_admitted()) {
        Exit::Fine
    } else {
        Exit::Refused
    }
}

// === impl CheckArgs ===

impl CheckArgs {
    /// Returns why these arguments cannot be combined.
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

    /// Returns true if stdout is reserved for manifests or a diff.
    fn takes_stdout(&self) -> bool {
        self.diff || self.fix && self.given.reads_stdin()
    }
}

// === impl CommonArgs ===

impl CommonArgs {
    /// The style of a text report.
    fn style(self, is_coloured: bool) -> ReportStyle {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, _) => Verbosity::Verbose,
        };
        ReportStyle { is_coloured, verbosity }
    }
}
