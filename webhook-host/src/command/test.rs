//! `ordinance test`: runs suites of cases against a policy, with the server's engine and limits.

mod case_explanation;
mod engine_policy;
mod session;
mod watching;

use super::exit::Exit;
use super::local_components::LocalComponents;
use super::output::CommonArgs;
use super::policies;
use super::stale_component::warn_if_stale;
use crate::config::{InputError, PolicyComponentArgs};
use crate::limits::Limits;
use anyhow::Result;
use clap::Args;
use clap::builder::BoolishValueParser;
use session::{Session, junit_file};
use std::path::{Path, PathBuf};

/// The folders of a suite, unless it is named: the first one that exists.
const DEFAULT_SUITES: [&str; 2] = ["cases", "tests"];

/// Run the test cases of a policy
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance test
  ordinance test --policy mine.wasm tests/
  ordinance test tests/hosts/taken.yaml --policy mine.wasm
  ordinance test --policy mine.wasm --filter hosts/ --watch
  ordinance test --policy mine.wasm --filter hosts/taken --explain
  ordinance test --policy mine.wasm --bless
  ordinance test --policy mine.wasm --junit report.xml --jobs 4
  ordinance test --policy mine.wasm --fuzz 30 --seed 7

Without --policy, the only component in the working directory is tested, and the built-in policy if
there is none. Without DIR, the cases in cases/ or tests/ are run.
A suite is a folder of cases in YAML; `ordinance schema case` prints the schema. README.md and
fuel.json are no cases, any other file that is none is a failure. A case passes if the policy
answers as it expects, and if the answers pass these checks, unless the case opts out of one with
a reason (skipChecks):

  asked          the API server asks the policy about the request, as its reviews say
  resume         a review that gets the holdings gives the verdict of one that asks for them
  keys           the keys of the object are among those that its review asks for
  phases         the validating review admits what the mutating review admits with its patch
  idempotency    the patched object gets no further patch
  reinvocation   nor after the change of another webhook, which stays
  unknownFields  fields that the policy does not know survive
  fuel           no review burns more than --fuel, or than fuel.json has recorded

The requests of a race are tried in every order at two replicas. A suite fails if a case
is skipped, or if a rule of the policy has no finding in any case; --filter and single files do not
ask for the latter.

--explain shows what `ordinance review --explain` does, below each case that fails; with --filter
or a single file below each selected case. The requests of a race are explained one by one.

Exit codes: 0 everything passed, 1 something failed, 2 something could not be read or judged.")]
pub(super) struct TestArgs {
    /// Folders of cases, or single cases [default: cases, else tests]
    #[arg(value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    component: PolicyComponentArgs,
    /// Run only the cases whose path contains this text
    #[arg(long, value_name = "TEXT", env = "ORDINANCE_FILTER", hide_env = true)]
    filter: Option<String>,
    /// The number of threads [default: that of the processors]
    #[arg(long, value_name = "N", env = "ORDINANCE_JOBS", hide_env = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256), allow_hyphen_values = true)]
    jobs: Option<u16>,
    /// Write the policy's verdicts into the cases that expect other whole verdicts, or nothing
    #[arg(long, env = "ORDINANCE_BLESS", hide_env = true, value_parser = BoolishValueParser::new())]
    bless: bool,
    /// Show how the policy comes to its verdicts on cases that fail, and on selected ones: keys, holdings, the deciding step,
    /// time and fuel
    #[arg(long, env = "ORDINANCE_EXPLAIN", hide_env = true, value_parser = BoolishValueParser::new())]
    explain: bool,
    /// Write a report as JUnit XML, too
    #[arg(long, value_name = "FILE", env = "ORDINANCE_JUNIT", hide_env = true)]
    junit: Option<PathBuf>,
    /// Run again whenever a case or the policy changes
    #[arg(long, env = "ORDINANCE_WATCH", hide_env = true, value_parser = BoolishValueParser::new())]
    watch: bool,
    /// Pass although rules of the policy have no finding in any case
    #[arg(long, env = "ORDINANCE_ALLOW_UNFIRED", hide_env = true, value_parser = BoolishValueParser::new())]
    allow_unfired: bool,
    /// Pass although cases are skipped
    #[arg(long, env = "ORDINANCE_ALLOW_SKIPPED", hide_env = true, value_parser = BoolishValueParser::new())]
    allow_skipped: bool,
    /// The most fuel of one review; about as many instructions
    #[arg(long, value_name = "N", default_value_t = 100_000_000, env = "ORDINANCE_FUEL", hide_env = true)]
    fuel: u64,
    /// How much more fuel than recorded a case may burn, in percent
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 5.0,
        env = "ORDINANCE_FUEL_TOLERANCE",
        hide_env = true
    )]
    #[arg(value_parser = percent, allow_hyphen_values = true)]
    fuel_tolerance: f64,
    /// Record the fuel of each case in fuel.json in the folder; later runs compare with it
    #[arg(long, env = "ORDINANCE_RECORD_FUEL", hide_env = true, value_parser = BoolishValueParser::new())]
    record_fuel: bool,
    /// After the cases, change their objects at random for so long, on all threads, and check the policy's answers
    #[arg(long, value_name = "SECONDS", env = "ORDINANCE_FUZZ", hide_env = true)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    fuzz: Option<u64>,
    /// The seed of --fuzz, as an earlier run printed it
    #[arg(long, value_name = "N", env = "ORDINANCE_SEED", hide_env = true)]
    seed: Option<u64>,
}

pub(super) fn run(args: &TestArgs, common: CommonArgs) -> Result<Exit> {
    if args.watch {
        return watching::run(args, common);
    }
    run_once(args, common)
}

fn run_once(args: &TestArgs, common: CommonArgs) -> Result<Exit> {
    for path in args.paths() {
        std::fs::metadata(path).map_err(|error| {
            InputError::of_file(path, format_args!("{error}; name a folder of cases, or a case"))
        })?;
    }
    if let Some(file) = &args.junit {
        junit_file(file)
            .check()
            .map_err(|error| InputError::of_file(file, format_args!("--junit: {error}")))?;
    }
    let component = args.component()?;
    warn_if_stale(component.policy.as_deref());
    let policy = policies::metered_component(&component, &Limits::default())?;
    Session::new(args, common, policy, component.policy.as_deref())?.run()
}

fn default_suite() -> &'static Path {
    let [first, second] = DEFAULT_SUITES.map(Path::new);
    if second.exists() && !first.exists() { second } else { first }
}

/// Parses a percentage.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim().parse::<f64>();
    match number {
        Ok(percent) if (0.0..=1000.0).contains(&percent) => Ok(percent),
        _ => Err("a number of percent from 0 to 1000".to_owned()),
    }
}

// === impl TestArgs ===

impl TestArgs {
    /// Returns why these arguments can't be combined.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        match (self.seed, self.fuzz, self.watch) {
            (Some(_), None, _) => Some("--seed is for --fuzz; add --fuzz SECONDS"),
            (_, Some(_), true) => Some("--fuzz runs for a time and --watch for ever; leave one out"),
            _ if self.record_fuel && self.is_partial() => {
                Some("--record-fuel records a whole folder; leave out --filter, and name one folder")
            }
            _ => None,
        }
    }

    /// Returns the policy's component: the one in the working directory if none is named, else the built-in policy if cases are.
    fn component(&self) -> Result<PolicyComponentArgs, InputError> {
        if self.component.policy.is_some() {
            return Ok(self.component.clone());
        }
        let built = LocalComponents::find().only()?;
        if built.is_none() && self.paths.is_empty() {
            let remedy = "run `ordinance build`, or give --policy FILE; `ordinance test DIR` tests the built-in policy";
            return Err(InputError::new(
                "--policy",
                format_args!("this directory has no component; {remedy}"),
            ));
        }
        Ok(PolicyComponentArgs { policy: built, ..self.component })
    }

    /// Returns the folders and files, or the default one.
    fn paths(&self) -> Vec<&Path> {
        match &*self.paths {
            [] => vec![default_suite()],
            paths => paths.iter().map(PathBuf::as_path).collect(),
        }
    }

    /// Returns whether only some cases run, so that nothing is said of the whole suite.
    fn is_partial(&self) -> bool {
        self.filter.is_some() || self.paths.iter().any(|path| !path.is_dir())
    }
}
