//! A cluster in the background. `cargo xtask cluster up` starts this, and `down` ends it.

use anyhow::Result;
use clap::Parser;
use ordinance_cluster::StopCondition;
use std::path::PathBuf;

/// Runs a control plane with Ordinance behind it until SIGTERM.
#[derive(Parser)]
struct Arguments {
    /// The program `ordinance`.
    #[arg(long)]
    binary: PathBuf,
    /// Where to write what it is and where.
    #[arg(long)]
    folder: PathBuf,
    /// End with standard input, too.
    #[arg(long)]
    attended: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let condition = if arguments.attended { StopCondition::InputEnds } else { StopCondition::Signal };
    ordinance_cluster::supervise(&arguments.binary, &arguments.folder, condition).await
}
