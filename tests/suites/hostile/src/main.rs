//! Plays attacks against a host, and exits with 1 if a goal is missed.

use anyhow::Result;
use clap::Parser;
use ordinance_hostile::memory::{MemoryFigures, MemoryLoad};
use ordinance_hostile::{HostProcess, callers, connections, neighbours};
use ordinance_testkit::figures::{Better, Figure, Figures};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The memory limit of the chart's container, in bytes.
const MEMORY: usize = 768 << 20;

/// Measure what hostile clients do to a host and to its other clients.
#[derive(Parser)]
struct Arguments {
    /// The binary of the host.
    #[arg(long, value_name = "FILE")]
    ordinance: PathBuf,
    /// Repeat all attacks until this many minutes are over; once takes about two.
    #[arg(long, value_name = "N", default_value_t = 0)]
    minutes: u64,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let end = Instant::now() + Duration::from_secs(60 * arguments.minutes);
    let mut figures = Figures::default();
    loop {
        play(&arguments.ordinance, &mut figures).await?;
        if Instant::now() >= end {
            break;
        }
    }
    Ok(if figures.hold() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays all attacks once. That of the callers mostly waits, so it runs beside the others.
async fn play(ordinance: &Path, figures: &mut Figures) -> Result<()> {
    let callers = tokio::spawn({
        let ordinance = ordinance.to_owned();
        async move { callers::measure(&ordinance).await }
    });
    let host = Arc::new(HostProcess::start(ordinance)?);
    connections::measure(&host, figures).await?;
    for bytes in neighbours::SIZES {
        neighbours::measure(&host, figures, bytes).await?;
    }
    drop(host);
    let program = ordinance.to_owned();
    memory(&tokio::task::spawn_blocking(move || load().run(&program)).await??, figures);
    callers.await??.into_iter().for_each(|figure| figures.add(figure));
    Ok(())
}

/// Returns what was sent when memory was not counted in bytes, and more.
const fn load() -> MemoryLoad {
    MemoryLoad {
        limit: MEMORY,
        long_names: 40,
        deep_sets: 100,
        held_bodies: 450,
        silent_connections: 100,
        unread_answers: 100,
    }
}

fn memory(measured: &MemoryFigures, figures: &mut Figures) {
    let mebibytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let place = if measured.in_cgroup {
        "in a cgroup of that size"
    } else {
        "of the process; no cgroup could be made"
    };
    let name = format!("most memory, {place}");
    figures.add(Figure::exact(
        &name,
        "MiB",
        Better::Lower,
        mebibytes(measured.limit),
        mebibytes(measured.peak),
    ));
    let unanswered = f64::from(u8::from(!measured.answers));
    figures.add(Figure::exact("reviews without an answer afterwards", "", Better::Lower, 0.0, unanswered));
    let accepted = measured.long_name_statuses.iter().filter(|status| **status != 400).count() as f64;
    figures.add(Figure::exact("accepted names of 6.5 MB", "", Better::Lower, 0.0, accepted));
}
