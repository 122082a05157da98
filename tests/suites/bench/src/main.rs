//! Measures the host against its goals, in one run: every ratio is between two things measured in turn.
//!
//! `cargo xtask bench` builds it and the binary `ordinance` for speed and runs it.

mod allow_all;
mod baseline;
mod check;
mod cluster;
mod evaluation;
mod load;
mod process;
mod server;
mod table;

use anyhow::Result;
use baseline::Baseline;
use clap::{Parser, Subcommand, ValueEnum};
use ordinance_testkit::figures::Figures;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Where the baseline is kept.
const BASELINE: &str = "docs/performance-baseline.json";

/// Measure speed and memory, and compare them with the goals and with the kept baseline.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    server: Option<Program>,
    /// The binary to measure.
    #[arg(long, value_name = "FILE", default_value = "target/release/ordinance")]
    ordinance: PathBuf,
    /// How to print the figures.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Rounds; each figure is their median.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds that a server is loaded for in each round.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Keep the figures as the new baseline.
    #[arg(long)]
    keep: bool,
}

#[derive(Subcommand)]
enum Program {
    /// Serve without a policy: allow everything. For measuring only.
    #[command(hide = true)]
    AllowAll(allow_all::Arguments),
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Output {
    /// A table.
    #[default]
    Text,
    /// For scripts.
    Json,
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    rounds: usize,
    time: Duration,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    match &arguments.server {
        Some(Program::AllowAll(server)) => allow_all::serve(server),
        None => measure(&arguments),
    }
}

fn measure(arguments: &Arguments) -> Result<ExitCode> {
    let effort = Effort { rounds: arguments.rounds, time: Duration::from_secs(arguments.seconds) };
    let mut figures = Figures::default();
    evaluation::measure(&mut figures, effort)?;
    server::measure(&mut figures, effort, &arguments.ordinance)?;
    cluster::measure(&mut figures, effort, &arguments.ordinance)?;
    check::measure(&mut figures, effort, &arguments.ordinance)?;
    report(&figures, arguments)
}

/// Prints the figures; exits 1 when a goal does not hold, or a figure is a regression.
fn report(figures: &Figures, arguments: &Arguments) -> Result<ExitCode> {
    let baseline = Baseline::read(Path::new(BASELINE))?;
    match arguments.output {
        Output::Text => println!("{}", table::table(figures, &baseline)),
        Output::Json => println!("{}", serde_json::to_string_pretty(figures)?),
    }
    if arguments.keep {
        Baseline::write(figures, Path::new(BASELINE))?;
        return Ok(exit(figures.hold()));
    }
    let regressions = baseline.regressions(figures);
    for name in &regressions {
        eprintln!(
            "regression: {name}; if it is meant, keep the new figures with --keep and say why in the change"
        );
    }
    Ok(exit(figures.hold() && regressions.is_empty()))
}

fn exit(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
