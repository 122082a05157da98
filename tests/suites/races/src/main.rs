//! Creates pairs of volumes at once through replicas that are killed, paused and cut off, and counts what is stored in the end:
//! `cargo xtask prove races`.

mod creation;
mod faults;
mod installation;
mod race;

use anyhow::{Result, ensure};
use clap::Parser;
use installation::RacedCluster;
use ordinance_e2e::TestClusters;
use ordinance_testkit::figures::{Better, Figure, Figures, percentile};
use race::{Latencies, RaceResult};
use std::process::ExitCode;
use std::time::Duration;

/// The share of pairs of which exactly one volume has to be stored.
const DECIDED: f64 = 0.99;

/// The creates per second of the measurement of the time that a reservation adds.
const RATE: u32 = 50;

/// The most that a reservation may add to a create, in milliseconds: at the median, and at the 99th percentile.
const ADDED_MEDIAN: f64 = 15.0;
const ADDED_P99: f64 = 100.0;

/// Prove on a real API server that two replicas never admit two volumes that exclude each other.
#[derive(Parser)]
struct Arguments {
    /// The least number of pairs of volumes. With reservations, the race goes on until every fault has happened.
    #[arg(long, default_value_t = 300)]
    pairs: usize,
    /// The seed of the pairs and the faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The duration of each measurement without faults, in seconds; 0 for none.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Do not wait until the reservations have served their time, which takes four minutes.
    #[arg(long)]
    no_wait: bool,
    /// The output format: text, or json for scripts.
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    output: String,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    ensure!(arguments.pairs > 0, "--pairs 0 proves nothing: give 1 or more");
    let figures = prove(&arguments).await?;
    if arguments.output == "json" {
        anstream::println!("{}", serde_json::to_string_pretty(&figures)?);
    }
    Ok(if figures.hold() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn prove(arguments: &Arguments) -> Result<Figures> {
    let clusters = TestClusters::open()?;
    let mut figures = Figures::default();
    anstream::eprintln!("three replicas without reservations:");
    let mut bare = RacedCluster::start(&clusters, false).await?;
    let before = measured(arguments, &bare).await?;
    let raced = bare.race(arguments.pairs, Duration::ZERO, arguments.seed).await?;
    add_counts(&mut figures, "without reservations", &raced);
    figures.add(exact(
        "without reservations: pairs with both volumes stored",
        Better::Higher,
        1.0,
        raced.doubles,
    ));
    drop(bare);

    anstream::eprintln!("three replicas with reservations:");
    let mut reserving = RacedCluster::start(&clusters, true).await?;
    let after = measured(arguments, &reserving).await?;
    let raced = reserving.race(arguments.pairs, faults::TIME, arguments.seed).await?;
    add_counts(&mut figures, "with reservations", &raced);
    add_goals(&mut figures, &raced);
    if let (Some(before), Some(after)) = (&before, &after) {
        add_latencies(&mut figures, before, after);
    }
    if !arguments.no_wait {
        anstream::eprintln!("waiting until the reservations have served their time");
        let left = reserving.left_reservations().await?;
        figures.add(exact("with reservations: reservations left in the end", Better::Lower, 0.0, left));
    }
    Ok(figures)
}

async fn measured(arguments: &Arguments, cluster: &RacedCluster) -> Result<Option<Latencies>> {
    if arguments.seconds == 0 {
        return Ok(None);
    }
    cluster.measure(RATE, Duration::from_secs(arguments.seconds)).await.map(Some)
}

fn add_counts(figures: &mut Figures, name: &str, raced: &RaceResult) {
    for double in raced.stored_doubles.iter().take(5) {
        anstream::eprintln!("    both stored: {double}");
    }
    let all = raced.exclusive + raced.siblings;
    figures.add(count(&format!("{name}: pairs"), all));
    figures.add(count(&format!("{name}: replicas killed"), raced.kills));
    figures.add(count(&format!("{name}: requests repeated by clients"), raced.retries));
    figures.add(value(&format!("{name}: pairs per second"), "1/s", all as f64 / raced.time.as_secs_f64()));
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn add_goals(figures: &mut Figures, raced: &RaceResult) {
    let name = "with reservations";
    figures.add(exact(&format!("{name}: pairs with both volumes stored"), Better::Lower, 0.0, raced.doubles));
    let decided = raced.decided as f64 / raced.exclusive.max(1) as f64;
    let share = format!("{name}: share of exclusive pairs with exactly one volume stored");
    figures.add(Figure::exact(&share, "ratio", Better::Higher, DECIDED, decided));
    let lacking = raced.siblings - raced.complete_siblings;
    figures.add(exact(
        &format!("{name}: pairs of siblings without both stored"),
        Better::Lower,
        0.0,
        lacking,
    ));
}

fn add_latencies(figures: &mut Figures, before: &Latencies, after: &Latencies) {
    for (name, latencies) in [("without reservations", before), ("with reservations", after)] {
        figures.add(value(&format!("{name}: create, median"), "ms", percentile(latencies, 0.5)));
        figures.add(value(&format!("{name}: create, p99"), "ms", percentile(latencies, 0.99)));
    }
    for (share, name, goal) in [(0.5, "median", ADDED_MEDIAN), (0.99, "p99", ADDED_P99)] {
        let added = percentile(after, share) - percentile(before, share);
        figures.add(Figure::exact(&format!("added to a create, {name}"), "ms", Better::Lower, goal, added));
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn exact(name: &str, better: Better, goal: f64, count: usize) -> Figure {
    Figure::exact(name, "", better, goal, count as f64)
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn count(name: &str, count: usize) -> Figure {
    value(name, "", count as f64)
}

fn value(name: &str, unit: &'static str, value: f64) -> Figure {
    Figure::measured(name, unit, Better::Lower, None, &[value])
}
