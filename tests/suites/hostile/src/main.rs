//! Plays attacks against a host, and exits with 1 if a goal is missed.

use anyhow::Result;
use clap::Parser;
use ordinance_hostile::{HostProcess, callers, connections};
use ordinance_testkit::figures::Figures;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measure what hostile clients do to the other clients of a host.
#[derive(Parser)]
struct Arguments {
    /// The binary of the host.
    #[arg(long, value_name = "FILE")]
    ordinance: PathBuf,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let host = HostProcess::start(&arguments.ordinance)?;
    let mut figures = Figures::default();
    let callers = tokio::spawn({
        let ordinance = arguments.ordinance.clone();
        async move { callers::measure(&ordinance).await }
    });
    connections::measure(&host, &mut figures).await?;
    callers::add(&mut figures, callers.await??);
    Ok(if figures.hold() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
