//! `cargo xtask fuzz`: one fuzz target for some seconds, beginning with what the cases and recordings have.

use crate::build;
use anyhow::{Context, Result, anyhow};
use ordinance_testkit::corpus::seeds;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// A target of `fuzz/targets`, and for how long.
#[derive(clap::Args)]
pub struct Arguments {
    /// e.g. `stateful_set`.
    target: String,
    /// For how many seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Runs the target; fails if it finds something.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let fuzz = crate::root().join("fuzz");
    cargo_fuzz()?;
    sow(&fuzz.join("corpus").join(&arguments.target))?;
    // Sanitizers need a nightly compiler: rustup chooses it, so this is not the cargo that runs this program.
    let mut cargo = Command::new("cargo");
    cargo.args(["+nightly", "fuzz", "run", "--fuzz-dir"]).arg(&fuzz).arg(&arguments.target);
    cargo.arg("--").arg(format!("-max_total_time={}", arguments.seconds));
    // What cargo sets for this program would choose its own compiler again.
    build::run(cargo.env_remove("RUSTUP_TOOLCHAIN").current_dir(crate::root()))?;
    Ok(ExitCode::SUCCESS)
}

/// Says how to get what runs the targets.
fn cargo_fuzz() -> Result<()> {
    let version = Command::new("cargo")
        .args(["fuzz", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match version {
        Ok(status) if status.success() => Ok(()),
        _ => Err(anyhow!("fuzzing wants cargo-fuzz; try: cargo install cargo-fuzz")),
    }
}

/// Writes the seeds into the target's corpus; libFuzzer keeps what it finds beside them.
fn sow(corpus: &Path) -> Result<()> {
    fs::create_dir_all(corpus).with_context(|| format!("can't make {}", corpus.display()))?;
    for (number, seed) in seeds().map_err(anyhow::Error::msg)?.into_iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number:04}")), seed)?;
    }
    Ok(())
}
