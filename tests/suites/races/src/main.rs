//! Creates pairs of volumes at once through replicas that are killed, paused and cut off, and counts what is stored in the end:
//! `cargo xtask prove races`.

mod admission_policies;
mod creation;
mod faults;
mod installation;
mod latency;
mod race;

use anyhow::{Result, ensure};
use clap::Parser;
use installation::RacedCluster;
use kube::Client;
use latency::{CreatedKind, Latencies, SetForm};
use ordinance_cluster::{Cluster, ClusterOptions, ControlPlanePart};
use ordinance_e2e::TestClusters;
use ordinance_testkit::figures::{Better, Figure, Figures};
use race::RaceResult;
use std::process::ExitCode;
use std::time::Duration;

/// The share of pairs of which exactly one volume has to be stored.
const DECIDED: f64 = 0.99;

/// The most that a reservation may add to a create, in milliseconds: at the median, and at the 99th percentile.
const ADDED_MEDIAN: f64 = 15.0;
const ADDED_P99: f64 = 100.0;

/// The percentiles of the figures.
const PERCENTILES: [(f64, &str); 2] = [(0.5, "median"), (0.99, "p99")];

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
    let others = without_ordinance(arguments, &clusters).await?;
    anstream::eprintln!("three replicas without reservations:");
    let mut bare = RacedCluster::start(&clusters, false).await?;
    let before = measured(arguments, &bare.client()).await?;
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
    let after = measured(arguments, &reserving.client()).await?;
    let raced = reserving.race(arguments.pairs, faults::TIME, arguments.seed).await?;
    add_counts(&mut figures, "with reservations", &raced);
    add_goals(&mut figures, &raced);
    if let (Some([none, policies]), Some(before), Some(after)) = (&others, &before, &after) {
        add_latencies(&mut figures, [none, policies, before, after]);
    }
    if !arguments.no_wait {
        anstream::eprintln!("waiting until the reservations have served their time");
        let left = reserving.left_reservations().await?;
        figures.add(exact("with reservations: reservations left in the end", Better::Lower, 0.0, left));
    }
    Ok(figures)
}

/// Measures a control plane that calls no webhook, without policies and with ValidatingAdmissionPolicies.
async fn without_ordinance(arguments: &Arguments, clusters: &TestClusters) -> Result<Option<[Latencies; 2]>> {
    if arguments.seconds == 0 {
        return Ok(None);
    }
    let time = Duration::from_secs(arguments.seconds);
    anstream::eprintln!("a control plane without Ordinance");
    let none = calm_cluster(clusters).await?;
    let none = Latencies::measure(&none.access().client(), time, SetForm::Shared).await?;
    anstream::eprintln!("a control plane with ValidatingAdmissionPolicies");
    let cluster = calm_cluster(clusters).await?;
    admission_policies::install(&cluster).await?;
    let policies = Latencies::measure(&cluster.access().client(), time, SetForm::Isolated).await?;
    Ok(Some([none, policies]))
}

/// Starts a control plane whose controllers do nothing.
async fn calm_cluster(clusters: &TestClusters) -> Result<Cluster> {
    let mut cluster = clusters.cluster(&ClusterOptions::default()).await?;
    cluster.control_plane().part(ControlPlanePart::Controllers).kill();
    Ok(cluster)
}

async fn measured(arguments: &Arguments, client: &Client) -> Result<Option<Latencies>> {
    if arguments.seconds == 0 {
        return Ok(None);
    }
    Latencies::measure(client, Duration::from_secs(arguments.seconds), SetForm::Shared).await.map(Some)
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

/// Adds what creates take without Ordinance, with ValidatingAdmissionPolicies, without reservations and with them.
fn add_latencies(figures: &mut Figures, [none, policies, before, after]: [&Latencies; 4]) {
    let runs = [
        ("without Ordinance", none),
        ("with ValidatingAdmissionPolicies", policies),
        ("without reservations", before),
        ("with reservations", after),
    ];
    for kind in CreatedKind::ALL {
        for (name, latencies) in runs {
            for (share, percentile) in PERCENTILES {
                let name = format!("{name}: create of a {}, {percentile}", kind.as_str());
                figures.add(value(&name, "ms", latencies.percentile(kind, share)));
            }
        }
    }
    for ((share, percentile), goal) in PERCENTILES.into_iter().zip([ADDED_MEDIAN, ADDED_P99]) {
        let of = |latencies: &Latencies| latencies.percentile(CreatedKind::Volume, share);
        let name = format!("added to the create of a volume by its reservation, {percentile}");
        figures.add(Figure::exact(&name, "ms", Better::Lower, goal, of(after) - of(before)));
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
