//! Measures the host against its goals in one run: every ratio compares two things that are measured in turn.
//!
//! `cargo xtask bench` builds this program and the binary `ordinance` with the profile of the image and runs it.

mod allow_all;
mod audit;
mod baseline;
mod beside;
mod check;
mod cluster;
mod command;
mod effort;
mod evaluation;
mod instructions;
mod load;
mod neighbours;
mod process;
mod repeat;
mod server;
mod table;

use anyhow::Result;
use baseline::Baseline;
use clap::{Parser, Subcommand, ValueEnum};
use effort::Effort;
use ordinance_testkit::figures::Figures;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The stored baseline, from the root of the checkout.
const BASELINE: &str = "docs/performance-baseline.json";

/// Measure speed and memory, and compare the figures with the goals and with the stored baseline.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    part: Option<BenchCommand>,
    /// The binary to measure.
    #[arg(long, value_name = "FILE", default_value = "target/dist/ordinance")]
    ordinance: PathBuf,
    /// This program, built with the profile `release`, to compare an evaluation with.
    #[arg(long, value_name = "FILE", hide = true)]
    release_bench: Option<PathBuf>,
    /// The output format.
    #[arg(long, value_enum, default_value_t, global = true)]
    output: FigureFormat,
    /// The number of rounds; each figure is their median.
    #[arg(long, default_value_t = 5, global = true)]
    rounds: usize,
    /// How long each server is under load in each round, in seconds.
    #[arg(long, default_value_t = 3, global = true)]
    seconds: u64,
    /// Store the figures as the new baseline.
    #[arg(long, global = true)]
    keep: bool,
}

/// A part of the benchmark that runs in a process of its own.
#[derive(Subcommand)]
enum BenchCommand {
    /// Serve without a policy: allow everything.
    #[command(hide = true)]
    AllowAll(allow_all::Arguments),
    /// Print the time of one evaluation, in microseconds.
    #[command(hide = true)]
    Evaluation,
    /// Count the instructions of each part of a review, in valgrind, and compare them with the stored ones.
    Instructions,
    /// Repeat a step of a review.
    #[command(hide = true)]
    Repeat(repeat::Arguments),
    /// Measure only audits of a large cluster.
    Audit,
    /// Measure only `check` and `check --diff`.
    Check,
    /// Measure only a large cluster: its verdicts, its sync and its memory.
    Cluster,
    /// Measure Ordinance beside another admission webhook, such as Kubewarden's policy-server, on the same review.
    Beside(beside::Arguments),
    /// Measure only what 100 rows of the setting `drivers` cost an evaluation.
    Rows,
    /// Measure only what clients with expensive reviews cost the others.
    Neighbours {
        /// The size of an expensive review, in bytes.
        #[arg(long, default_value_t = neighbours::BYTES)]
        bytes: usize,
    },
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum FigureFormat {
    /// A Markdown table.
    #[default]
    Text,
    /// JSON, for scripts.
    Json,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    match &arguments.part {
        Some(BenchCommand::AllowAll(server)) => allow_all::serve(server),
        Some(BenchCommand::Evaluation) => evaluation::print(),
        Some(BenchCommand::Instructions) => instructions::run(arguments.keep),
        Some(BenchCommand::Repeat(repeated)) => repeat::run(repeated),
        Some(BenchCommand::Audit) => measure_part(&arguments, |figures| {
            audit::measure(figures, arguments.effort(), &arguments.ordinance)
        }),
        Some(BenchCommand::Check) => measure_part(&arguments, |figures| {
            check::measure(figures, arguments.effort(), &arguments.ordinance)
        }),
        Some(BenchCommand::Cluster) => measure_part(&arguments, |figures| {
            cluster::measure(figures, arguments.effort(), &arguments.ordinance)
        }),
        Some(BenchCommand::Beside(other)) => measure_part(&arguments, |figures| {
            beside::measure(figures, arguments.effort(), &arguments.ordinance, other)
        }),
        Some(BenchCommand::Rows) => {
            measure_part(&arguments, |figures| evaluation::measure_rows(figures, arguments.effort()))
        }
        Some(BenchCommand::Neighbours { bytes }) => measure_part(&arguments, |figures| {
            neighbours::measure(figures, arguments.effort(), &arguments.ordinance, *bytes)
        }),
        None => measure(&arguments),
    }
}

// === impl Arguments ===

impl Arguments {
    fn effort(&self) -> Effort {
        Effort { rounds: self.rounds, time: Duration::from_secs(self.seconds) }
    }
}

fn measure_part(arguments: &Arguments, measure: impl FnOnce(&mut Figures) -> Result<()>) -> Result<ExitCode> {
    let mut figures = Figures::default();
    measure(&mut figures)?;
    print_figures(&figures, &Baseline::read(Path::new(BASELINE))?, arguments.output)?;
    Ok(exit(figures.hold()))
}

fn measure(arguments: &Arguments) -> Result<ExitCode> {
    let effort = arguments.effort();
    let mut figures = Figures::default();
    evaluation::measure(&mut figures, effort)?;
    evaluation::measure_rows(&mut figures, effort)?;
    if let Some(release) = &arguments.release_bench {
        evaluation::compare_with_release(&mut figures, effort, release)?;
    }
    server::measure(&mut figures, effort, &arguments.ordinance)?;
    neighbours::measure(&mut figures, effort, &arguments.ordinance, neighbours::BYTES)?;
    cluster::measure(&mut figures, effort, &arguments.ordinance)?;
    check::measure(&mut figures, effort, &arguments.ordinance)?;
    audit::measure(&mut figures, effort, &arguments.ordinance)?;
    report(&figures, arguments)
}

/// Prints the figures, and returns exit code 1 if one misses its goal or is worse than the baseline allows.
fn report(figures: &Figures, arguments: &Arguments) -> Result<ExitCode> {
    let baseline = Baseline::read(Path::new(BASELINE))?;
    print_figures(figures, &baseline, arguments.output)?;
    if arguments.keep {
        Baseline::write(figures, Path::new(BASELINE))?;
        return Ok(exit(figures.hold()));
    }
    let regressions = baseline.regressions(figures);
    for name in &regressions {
        eprintln!(
            "regression: {name}; if it is intended, store the new figures with --keep and say why in the commit"
        );
    }
    Ok(exit(figures.hold() && regressions.is_empty()))
}

fn print_figures(figures: &Figures, baseline: &Baseline, output: FigureFormat) -> Result<()> {
    match output {
        FigureFormat::Text => println!("{}", table::table(figures, baseline)),
        FigureFormat::Json => println!("{}", serde_json::to_string_pretty(figures)?),
    }
    Ok(())
}

fn exit(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
