//! A cluster in the background: `cargo xtask cluster up` starts this program, and `down` stops it.

use anyhow::Result;
use clap::Parser;
use ordinance_cluster::StopCondition;
use std::path::PathBuf;

/// Run a control plane with Ordinance behind it until SIGTERM.
#[derive(Parser)]
struct Arguments {
    /// The `ordinance` program.
    #[arg(long)]
    binary: PathBuf,
    /// The folder for the state file and the lock.
    #[arg(long)]
    folder: PathBuf,
    /// Stop at the end of standard input, too.
    #[arg(long)]
    attended: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let condition = if arguments.attended { StopCondition::InputEnds } else { StopCondition::Signal };
    ordinance_cluster::supervise(&arguments.binary, &arguments.folder, condition).await
}
