//! Proves that no interleaving of reservations admits two objects that exclude each other: `cargo xtask prove reservations`.

use anyhow::{Result, ensure};
use clap::Parser;
use ordinance_reservations::model::{self, Faults, ModelledProtocol, SearchResult, SmallCluster};
use ordinance_reservations::trials::{self, TrialsResult};
use ordinance_reservations::{Mutant, simulation};
use ordinance_testkit::figures::{Better, Figure, Figures};
use std::process::ExitCode;
use std::time::Instant;

/// The trials in which each mutant has to be caught.
const MUTANT_TRIALS: u64 = 300_000;

/// Prove that reservations admit no two objects that exclude each other.
#[derive(Parser)]
struct Arguments {
    /// The number of simulated trials.
    #[arg(long, default_value_t = 100_000)]
    trials: u64,
    /// The seed of the first trial; the next ones count up from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run only the trial of `--seed`, and print its events.
    #[arg(long)]
    replay: bool,
    /// Search the model with two faults at once, too: about 10 million states, for which it needs 10 GB of memory.
    #[arg(long)]
    two_faults: bool,
    /// The output format: text, or json for scripts.
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    output: String,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    ensure!(arguments.trials > 0, "--trials 0 proves nothing: give 1 or more");
    if arguments.replay {
        return Ok(replay(arguments.seed));
    }
    let mut figures = Figures::default();
    search_model(&mut figures, arguments.two_faults);
    simulate(&mut figures, &arguments);
    catch_mutants(&mut figures, arguments.seed);
    if arguments.output == "json" {
        anstream::println!("{}", serde_json::to_string_pretty(&figures)?);
    }
    Ok(if figures.hold() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the events of one trial, and what it shows.
fn replay(seed: u64) -> ExitCode {
    let result = simulation::trace(seed, &mut |line| anstream::println!("{line}"));
    anstream::println!("{} overlapping pairs stored, locked out: {}", result.doubles, result.locked_out);
    if result.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn search_model(figures: &mut Figures, two_faults: bool) {
    anstream::eprintln!("Every order of events, for 3 requests and 2 replicas:");
    let mut all = Faults::EACH.to_vec();
    if two_faults {
        all.extend(Faults::PAIRS);
    }
    let mut states = 0;
    for faults in all {
        let start = Instant::now();
        let found = model::search(SmallCluster { faults, protocol: ModelledProtocol::Sound });
        states += found.states;
        let seconds = start.elapsed().as_secs();
        anstream::eprintln!("  with {faults}: {} states in {seconds} s", found.states);
        add_search(figures, &format!("model with {faults}: violations"), &found);
    }
    add(figures, "model: states", Better::Higher, 1.0, states as u64);
    let mutants = [ModelledProtocol::ShortGrace, ModelledProtocol::ListInOrder];
    let is_caught = |protocol: &ModelledProtocol| {
        let faults = Faults { lists: 1, ..Faults::default() };
        !model::search(SmallCluster { faults, protocol: *protocol }).violations.is_empty()
    };
    let caught = mutants.iter().filter(|protocol| is_caught(protocol)).count();
    add(figures, "model: mutants caught", Better::Higher, mutants.len() as f64, caught as u64);
}

fn add_search(figures: &mut Figures, name: &str, found: &SearchResult) {
    for (property, path) in &found.violations {
        anstream::eprintln!("    violated: {property}, after {path}");
    }
    for property in &found.missing {
        anstream::eprintln!("    never happened: {property}");
    }
    let count = found.violations.len() + found.missing.len();
    add(figures, name, Better::Lower, 0.0, count as u64);
}

fn simulate(figures: &mut Figures, arguments: &Arguments) {
    let Arguments { trials, seed, .. } = *arguments;
    anstream::eprintln!("{trials} simulated trials, from seed {seed}:");
    let start = Instant::now();
    let TrialsResult { doubles, locked_out, events, first } = trials::run(seed, trials);
    anstream::eprintln!("  {events} events in {} s", start.elapsed().as_secs());
    if let Some(seed) = first {
        anstream::eprintln!("  repeat it: cargo xtask prove reservations --replay --seed {seed}");
    }
    add(figures, "simulation: trials with two overlapping volumes", Better::Lower, 0.0, doubles);
    add(figures, "simulation: trials that locked a client out", Better::Lower, 0.0, locked_out);
}

fn catch_mutants(figures: &mut Figures, seed: u64) {
    let mut caught = 0;
    for mutant in Mutant::ALL {
        let found = trials::first_failure(seed, MUTANT_TRIALS, mutant);
        caught += u64::from(found.is_some());
        let result = found.map_or_else(
            || format!("NOT caught in {MUTANT_TRIALS} trials"),
            |failing| format!("caught by seed {failing}"),
        );
        anstream::eprintln!("  if {}: {result}", mutant.as_str());
    }
    add(figures, "simulation: mutants caught", Better::Higher, Mutant::ALL.len() as f64, caught);
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn add(figures: &mut Figures, name: &str, better: Better, goal: f64, value: u64) {
    figures.add(Figure::exact(name, "", better, goal, value as f64));
}
