//! `cargo xtask fuzz`: runs one fuzz target, with the cases and the recorded reviews as its first corpus.

#[cfg(feature = "fuzz")]
mod target;

use anyhow::Result;
use std::process::ExitCode;

/// A target of `fuzz/targets`, and how long to run it.
#[derive(clap::Args)]
pub struct Arguments {
    /// The target, e.g. `stateful_set`.
    target: String,
    /// The time in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Runs the target; fails if it finds a crash.
#[cfg(feature = "fuzz")]
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    target::run(&arguments.target, arguments.seconds).map(|()| ExitCode::SUCCESS)
}

/// Runs the target by this program with the feature `fuzz`.
#[cfg(not(feature = "fuzz"))]
pub fn run(_: &Arguments) -> Result<ExitCode> {
    crate::build::rerun_with("fuzz")
}
