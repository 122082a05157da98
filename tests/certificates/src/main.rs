//! Proves that rotations cost no request, and that wrong ones would: `cargo xtask prove certificates`.

use anyhow::Result;
use clap::Parser;
use ordinance_certs::{Lifetime, Schedule};
use ordinance_rotation::{Better, Fault, Figures, Load, Rotated, Trial, first_start, repairs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Proves that certificates rotate without a failed request.
#[derive(Parser)]
struct Arguments {
    /// How often the CA is rotated.
    #[arg(long, default_value_t = 15)]
    trials: usize,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long a CA counts, in seconds; it is replaced after two thirds.
    #[arg(long, default_value_t = 40)]
    authority: u64,
    /// How figures are printed: text, or json for scripts.
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
        "{} rotations of a CA that counts {} s, under load:",
        arguments.trials,
        arguments.authority
    );
    under_load(&mut figures, &trial.rotate(arguments.trials).await?, arguments.trials);
    caught(&mut figures, &trial).await?;
    let at_pace = Schedule::default();
    let repairs = repairs(at_pace, 5, arguments.seed).await?;
    let longest = repairs.into_iter().fold(0.0, f64::max);
    figures.add("longest repair of an overwritten bundle", "s", longest, 10.0, Better::Lower);
    figures.add("first start to ready", "s", first_start(at_pace).await?, 10.0, Better::Lower);
    Ok(figures)
}

/// Leaves of 10 s, a wait of 3 s, callers that are up to 2 s late, 500 requests a second over 25 connections.
fn trial(arguments: &Arguments) -> Trial {
    Trial {
        schedule: Schedule {
            authority: Lifetime(Duration::from_secs(arguments.authority)),
            leaf: Lifetime(Duration::from_secs(10)),
            wait: Duration::from_secs(3),
            skew: Duration::from_millis(500),
            look: Duration::from_millis(200),
        },
        lag: Duration::from_secs(2),
        load: Load { rate: 500, connections: 25 },
        seed: arguments.seed,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn under_load(figures: &mut Figures, rotated: &Rotated, wanted: usize) {
    let Rotated { authorities, leaves, outcome } = rotated;
    figures.add("rotations of the CA", "", *authorities as f64, wanted as f64, Better::Higher);
    figures.add("rotations of a leaf", "", leaves.len() as f64, 6.0 * wanted as f64, Better::Higher);
    let sent = outcome.answered.len() + outcome.failed.len();
    figures.add("requests sent", "", sent as f64, 1.0, Better::Higher);
    figures.add("requests failed", "", outcome.failed.len() as f64, 0.0, Better::Lower);
    outcome.failed.iter().take(5).for_each(|failed| anstream::eprintln!("    {failed}"));
    figures.add("p99 after a reload over p99 before it", "ms", slower(rotated), 5.0, Better::Lower);
}

/// By how much the second after a reload is slower than the one before it, in milliseconds: the median.
fn slower(Rotated { leaves, outcome, .. }: &Rotated) -> f64 {
    let second = Duration::from_secs(1);
    let difference = |reload: &Instant| {
        let before = outcome.p99(*reload - second, *reload)?;
        Some(outcome.p99(*reload, *reload + second)? - before)
    };
    let mut differences: Vec<f64> = leaves.iter().filter_map(difference).collect();
    differences.sort_by(f64::total_cmp);
    differences.get(differences.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "four at most")]
async fn caught(figures: &mut Figures, trial: &Trial) -> Result<()> {
    let mut caught = 0;
    for fault in Fault::ALL {
        let after = trial.catch(fault).await?;
        caught += usize::from(after.is_some());
        let said = after.map_or_else(
            || "costs NO request".to_owned(),
            |after| format!("costs requests after {} s", after.as_secs()),
        );
        anstream::eprintln!("  if {}: {said}", fault.as_str());
    }
    figures.add("faults caught", "of 4", caught as f64, Fault::ALL.len() as f64, Better::Higher);
    Ok(())
}
