//! Proves that rotations fail no request, and that faulty ones do: `cargo xtask prove certificates`.

use anyhow::Result;
use clap::Parser;
use ordinance_certs::{Lifetime, Schedule};
use ordinance_rotation::{InjectedFault, RequestLoad, RotationTrial, TrialResult, first_start, repairs};
use ordinance_testkit::figures::{Better, Figure, Figures, median};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Prove that certificates rotate without a failed request.
#[derive(Parser)]
struct Arguments {
    /// The number of rotations of the CA.
    #[arg(long, default_value_t = 15)]
    trials: usize,
    /// The seed of the random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The lifetime of a CA in seconds; it is replaced after two thirds.
    #[arg(long, default_value_t = 40)]
    authority: u64,
    /// The output format: text, or json for scripts.
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    output: String,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let figures = prove(&arguments).await?;
    if arguments.output == "json" {
        anstream::println!("{}", serde_json::to_string_pretty(&figures)?);
    }
    Ok(if figures.hold() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn prove(arguments: &Arguments) -> Result<Figures> {
    let trial = trial(arguments);
    let mut figures = Figures::default();
    anstream::eprintln!(
        "{} rotations of a CA with a lifetime of {} s, under load:",
        arguments.trials,
        arguments.authority
    );
    under_load(&mut figures, &trial.rotate(arguments.trials).await?, arguments.trials);
    caught(&mut figures, &trial).await?;
    let real_time = Schedule::default();
    let repairs = repairs(real_time, 5, arguments.seed).await?;
    let longest = repairs.into_iter().fold(0.0, f64::max);
    at_most(&mut figures, "longest repair of an overwritten bundle", "s", 10.0, longest);
    at_most(&mut figures, "first start to ready", "s", 10.0, first_start(real_time).await?);
    Ok(figures)
}

/// Returns a trial with leaf certificates of 10 s, a wait of 3 s, callers with a lag of up to 2 s, and 500 requests per second
/// over 25 connections.
fn trial(arguments: &Arguments) -> RotationTrial {
    RotationTrial {
        schedule: Schedule {
            authority: Lifetime(Duration::from_secs(arguments.authority)),
            leaf: Lifetime(Duration::from_secs(10)),
            wait: Duration::from_secs(3),
            skew: Duration::from_millis(500),
            poll_interval: Duration::from_millis(200),
        },
        lag: Duration::from_secs(2),
        load: RequestLoad { rate: 500, connections: 25 },
        seed: arguments.seed,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn under_load(figures: &mut Figures, rotated: &TrialResult, wanted: usize) {
    let TrialResult { authorities, leaves, outcome } = rotated;
    at_least(figures, "rotations of the CA", wanted as f64, *authorities);
    at_least(figures, "rotations of a leaf", 6.0 * wanted as f64, leaves.len());
    at_least(figures, "requests sent", 1.0, outcome.answered.len() + outcome.failed.len());
    at_most(figures, "requests failed", "", 0.0, outcome.failed.len() as f64);
    outcome.failed.iter().take(5).for_each(|failed| anstream::eprintln!("    {failed}"));
    at_most(figures, "p99 after a reload over p99 before it", "ms", 5.0, slower(rotated));
}

/// Returns the median increase in milliseconds of the p99 from the second before a reload to the second after it.
fn slower(TrialResult { leaves, outcome, .. }: &TrialResult) -> f64 {
    let second = Duration::from_secs(1);
    let difference = |reload: &Instant| {
        let before = outcome.p99(*reload - second, *reload)?;
        Some(outcome.p99(*reload, *reload + second)? - before)
    };
    median(&leaves.iter().filter_map(difference).collect::<Vec<f64>>())
}

#[expect(clippy::cast_precision_loss, reason = "four at most")]
async fn caught(figures: &mut Figures, trial: &RotationTrial) -> Result<()> {
    let mut caught = 0;
    for fault in InjectedFault::ALL {
        let after = trial.time_to_failure(fault).await?;
        caught += usize::from(after.is_some());
        let result = after.map_or_else(
            || "fails NO request".to_owned(),
            |after| format!("fails requests after {} s", after.as_secs()),
        );
        anstream::eprintln!("  if {}: {result}", fault.as_str());
    }
    at_least(figures, "faults caught", InjectedFault::ALL.len() as f64, caught);
    Ok(())
}

fn at_most(figures: &mut Figures, name: &str, unit: &'static str, goal: f64, value: f64) {
    figures.add(Figure::exact(name, unit, Better::Lower, goal, value));
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn at_least(figures: &mut Figures, name: &str, goal: f64, count: usize) {
    figures.add(Figure::exact(name, "", Better::Higher, goal, count as f64));
}
