//! `ordinance bench`: what the reviews of a policy cost, and whether they cost more than before.

mod comparison;
mod figures;
mod plot;
mod report;
mod statistics;
mod workload;

use super::exit::Exit;
use super::local_components::warn_of_built_in;
use super::output::{self, CommonArgs, print, supports_escapes};
use super::policies;
use super::stale_component::warn_if_stale;
use crate::config::{InputError, PolicyArgs, PolicyComponentArgs, WasiArgs};
use crate::limits::Limits;
use anyhow::Result;
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use comparison::{Comparison, Threshold, TimeWeight};
use figures::{BenchFigures, PolicyFigures, WorkloadFigures};
use ordinance_files::{OutputFile, is_within, read_up_to};
use ordinance_report::plain_json;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use workload::Workload;

/// The name of the built-in policy in the place of a file.
const BUILT_IN: &str = "storage";

/// The largest file of saved figures, in bytes. A workload takes a few KiB.
const FIGURES_BYTES: usize = 16 * 1024 * 1024;

/// A text near the beginning of such a file, which other JSON lacks.
const FIGURES_MARK: &[u8] = b"\"ordinance\":";

/// Measure what the reviews of a policy cost, and compare it with an earlier measurement
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance bench
  ordinance bench policy.wasm web.yaml review.json
  ordinance bench policy.wasm --save before.json
  ordinance bench policy.wasm --compare before.json --threshold 5%
  ordinance bench policy.wasm --compare before.json --exact --time 100ms
  ordinance bench policy.wasm --plot times.svg --output json

Each review is run again and again, on a fresh instance each time, as by the server for an
operator's policy. Without reviews, samples of the kinds that the policy reviews are measured. The
time of a review is its median and its 99th percentile, each with a confidence interval of 95 %.

Fuel is about the number of executed instructions. It is exact: the same on every machine.

With --compare, fuel, size and memory are compared exactly. A median of time counts as dearer if
it grew by more than the threshold, the two confidence intervals do not overlap, and the
component is another one: the times of one component differ by the load of the machine.

Exit codes: 0 nothing got dearer, 1 something did, 2 a review failed or a file can't be used.")]
pub(super) struct BenchArgs {
    /// The policy's Wasm component, or `storage` for the built-in policy, which is the default
    #[arg(value_name = "POLICY")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    wasi: WasiArgs,
    /// AdmissionReviews or manifests to measure
    #[arg(value_name = "REVIEW")]
    reviews: Vec<PathBuf>,
    /// The policy's settings in YAML or JSON
    #[arg(long, value_name = "FILE", env = "ORDINANCE_SETTINGS", hide_env = true)]
    settings: Option<PathBuf>,
    /// Manifests of existing objects, in YAML or JSON, also as Lists; may be repeated
    #[arg(long, value_name = "FILE|DIR", env = "ORDINANCE_STATE", hide_env = true)]
    state: Vec<PathBuf>,
    /// How long to measure each review, after the warm-up
    #[arg(long, value_name = "TIME", default_value = "1s", env = "ORDINANCE_TIME", hide_env = true)]
    #[arg(value_parser = measuring_time, allow_hyphen_values = true)]
    time: Duration,
    /// Save the figures as JSON
    #[arg(long, value_name = "FILE", env = "ORDINANCE_SAVE", hide_env = true)]
    save: Option<PathBuf>,
    /// Compare with figures that --save wrote
    #[arg(long, value_name = "FILE", env = "ORDINANCE_COMPARE", hide_env = true)]
    compare: Option<PathBuf>,
    /// The growth from which on a figure counts as dearer
    #[arg(long, value_name = "PERCENT", default_value = "5%", env = "ORDINANCE_THRESHOLD", hide_env = true)]
    #[arg(value_parser = Threshold::parse, allow_hyphen_values = true)]
    threshold: Threshold,
    /// Let only fuel, size and memory decide, for machines with other load
    #[arg(long, env = "ORDINANCE_EXACT", hide_env = true, value_parser = BoolishValueParser::new())]
    exact: bool,
    /// Draw the distributions of time into an SVG
    #[arg(long, value_name = "FILE.svg", env = "ORDINANCE_PLOT", hide_env = true)]
    plot: Option<PathBuf>,
    /// The format of the report
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: BenchFormat,
}

/// The format of the report.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum BenchFormat {
    /// For people
    #[default]
    Text,
    /// For scripts: one object
    Json,
}

/// The line of stderr that says what is measured, on a terminal.
struct ProgressLine {
    is_shown: bool,
}

pub(super) fn run(args: &BenchArgs, common: CommonArgs) -> Result<Exit> {
    let limits = Limits::default();
    args.check_outputs()?;
    let before = args.compare.as_deref().map(saved).transpose()?;
    warn_if_stale(args.policy.as_deref());
    let progress = ProgressLine::new(common);
    progress.show("compiling the policy");
    let policy = policies::from_flags(&args.policy_args(), &limits)?;
    progress.show("compiling the policy once more, to count fuel");
    let metered = policies::metered(&args.policy_args(), &limits)?;
    progress.show("");
    policy.warn_of_unreadable();
    warn_of_built_in(args.policy.as_deref(), "name it as the first argument", common);
    if cfg!(debug_assertions) && !common.quiet {
        output::warn("this is a development build: its times are not those of a release");
    }
    let description = policy.admission.policy().description();
    let workloads = match args.reviews.as_slice() {
        [] => Workload::samples(description)?,
        files => Workload::of_files(files, description)?,
    };
    let mut measured = Vec::new();
    for (position, workload) in workloads.iter().enumerate() {
        progress.show(&format!("measuring {} of {}: {}", position + 1, workloads.len(), workload.name));
        measured.push(WorkloadFigures::measure(&policy, &metered, workload, &limits, args.time)?);
    }
    drop(progress);
    let figures = BenchFigures::new(args.policy_figures(description)?, measured);
    let comparison = before.as_ref().map(|before| args.compared(before, &figures)).transpose()?;
    if let Some(path) = &args.save {
        figures_file(path).write(format!("{:#}\n", figures.to_json()).as_bytes()).map_err(unwritten(path))?;
    }
    if let Some(path) = &args.plot {
        plot_file(path).write(plot::svg(&figures, before.as_ref()).as_bytes()).map_err(unwritten(path))?;
    }
    let report = match args.output {
        BenchFormat::Text => report::text(&figures, comparison.as_ref(), common.color.on_stdout()),
        BenchFormat::Json => plain_json(format!("{:#}\n", report::json(&figures, comparison.as_ref()))),
    };
    print(report.as_bytes())?;
    let is_dearer = comparison.is_some_and(|comparison| comparison.is_dearer());
    Ok(if is_dearer { Exit::Refused } else { Exit::Success })
}

// === impl BenchArgs ===

impl BenchArgs {
    /// Returns why the arguments can't be meant: the first one is the policy.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        if self.save.is_some() && self.save == self.plot {
            return Some("--save and --plot write files of their own; give them two names");
        }
        let ending = self.policy.as_deref()?.extension()?.to_str()?;
        ["yaml", "yml", "json"].contains(&ending).then_some(
            "the first argument is the policy, and this is no component; for the built-in one give `storage`: \
             ordinance bench storage review.json",
        )
    }

    /// Checks whether the files can be written, before anything is measured.
    fn check_outputs(&self) -> Result<(), InputError> {
        if let Some(path) = &self.save {
            figures_file(path).check().map_err(unwritten(path))?;
        }
        if let Some(path) = &self.plot {
            plot_file(path).check().map_err(unwritten(path))?;
        }
        Ok(())
    }

    fn policy_args(&self) -> PolicyArgs {
        let policy = self.component().map(Path::to_owned);
        let (settings, state) = (self.settings.clone(), self.state.clone());
        PolicyArgs { component: PolicyComponentArgs { policy, wasi: self.wasi }, settings, state }
    }

    fn component(&self) -> Option<&Path> {
        self.policy.as_deref().filter(|path| *path != Path::new(BUILT_IN))
    }

    fn compared(&self, before: &BenchFigures, after: &BenchFigures) -> Result<Comparison> {
        let weight = if self.exact { TimeWeight::Ignored } else { TimeWeight::Counts };
        Comparison::new(before, after, self.threshold, weight)
    }

    fn policy_figures(&self, description: &ordinance_contract::Description) -> Result<PolicyFigures> {
        let bytes = policies::component_of(self.component())?;
        Ok(PolicyFigures {
            name: description.name.clone(),
            version: description.version.clone(),
            digest: format!("sha256:{}", policies::digest(&bytes)),
            bytes: bytes.len() as u64,
        })
    }
}

/// Parses a value of `--time`.
fn measuring_time(text: &str) -> Result<Duration, String> {
    let time = crate::units::DurationText::parse(text)?;
    match time.is_zero() || time > Duration::from_secs(600) {
        true => Err(format!("`{text}` is not between 1ms and 10m")),
        false => Ok(time),
    }
}

/// Reads figures that `--save` wrote.
fn saved(path: &Path) -> Result<BenchFigures> {
    let text = File::open(path).and_then(|file| read_up_to(file, FIGURES_BYTES));
    let text = text.map_err(|error| {
        InputError::of_file(path, format_args!("{error}; give a file that `ordinance bench --save` wrote"))
    })?;
    let figures = BenchFigures::parse(&text);
    Ok(figures.map_err(|error| {
        InputError::of_file(path, format_args!("{error}; give a file that `ordinance bench --save` wrote"))
    })?)
}

fn figures_file(path: &Path) -> OutputFile<'_> {
    OutputFile::new(path, |head| head.starts_with(b"{") && is_within(head, FIGURES_MARK))
}

fn plot_file(path: &Path) -> OutputFile<'_> {
    OutputFile::new(path, |head| head.starts_with(b"<svg") && is_within(head, plot::TITLE.as_bytes()))
}

/// Returns what makes the error of a file that can't be written.
fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> InputError {
    move |error| InputError::of_file(path, format_args!("can't be written: {error}"))
}

// === impl ProgressLine ===

impl ProgressLine {
    fn new(common: CommonArgs) -> Self {
        Self { is_shown: !common.quiet && supports_escapes(&io::stderr()) }
    }

    fn show(&self, line: &str) {
        if self.is_shown {
            output::print_to_stderr(&format!("\r\x1b[K{line}"));
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.show("");
    }
}
