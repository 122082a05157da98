//! cargo-fuzz, with seeds from the test data.

use crate::build;
use crate::checkout;
use anyhow::{Context, Result, anyhow};
use ordinance_testkit::corpus::seeds;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes the seeds and runs the target.
pub fn run(target: &str, seconds: u64) -> Result<()> {
    let fuzz = checkout::root().join("fuzz");
    require_cargo_fuzz()?;
    write_seeds(&fuzz.join("corpus").join(target))?;
    // Sanitizers need a nightly compiler, which rustup chooses: so this is not the cargo that runs this program.
    let mut cargo = Command::new("cargo");
    cargo.args(["+nightly", "fuzz", "run", "--fuzz-dir"]).arg(&fuzz).arg(target);
    cargo.arg("--").arg(format!("-max_total_time={}", seconds));
    // The variable that rustup sets for this program would override `+nightly`.
    build::run(cargo.env_remove("RUSTUP_TOOLCHAIN").current_dir(checkout::root()))
}

fn require_cargo_fuzz() -> Result<()> {
    let mut version = Command::new("cargo");
    version.args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    match version.status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(anyhow!("fuzzing needs cargo-fuzz; try: cargo install cargo-fuzz")),
    }
}

/// Writes the seeds into the target's corpus, where libFuzzer stores its own finds too.
fn write_seeds(corpus: &Path) -> Result<()> {
    fs::create_dir_all(corpus).with_context(|| format!("can't create {}", corpus.display()))?;
    for (number, seed) in seeds().map_err(anyhow::Error::msg)?.into_iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number:04}")), seed)?;
    }
    Ok(())
}
