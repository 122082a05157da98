//! `cargo xtask drawing`: draws the founding story's map into `docs/founding-story.svg`, which the README shows.
//!
//! With `--check` it writes nothing and compares the file. `cargo xtask papers` does that too.

use crate::build::{self, Profile};
use crate::checkout;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The drawn manifests: two replicas, and two volumes on one directory.
const STORY: [&str; 3] = ["pv.yaml", "pv2-mistake.yaml", "web.yaml"];

/// Whether to write or to check the drawing.
#[derive(Args)]
pub struct Arguments {
    /// Write nothing; fail if the drawing is not up to date.
    #[arg(long)]
    check: bool,
}

/// Writes or checks the drawing.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    build::wasm_target()?;
    let ordinance = build::binary("ordinance", Profile::Dev)?;
    if arguments.check {
        check(&ordinance)?;
    } else {
        let path = path();
        std::fs::write(&path, drawing(&ordinance)?)
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails if the drawing is not up to date.
pub fn check(ordinance: &Path) -> Result<()> {
    let path = path();
    if std::fs::read(&path).ok() != Some(drawing(ordinance)?) {
        bail!("{} is out of date; run: cargo xtask drawing", path.display());
    }
    Ok(())
}

/// Returns `ordinance map` of the founding story. Its exit code is 1 because a volume is refused.
pub fn map(ordinance: &Path) -> Command {
    let mut map = Command::new(ordinance);
    map.arg("map").args(STORY).current_dir(checkout::root().join(checkout::STORY)).stdin(Stdio::null());
    map
}

fn path() -> PathBuf {
    checkout::root().join("docs/founding-story.svg")
}

/// Returns the current drawing.
fn drawing(ordinance: &Path) -> Result<Vec<u8>> {
    let output = map(ordinance)
        .args(["--output", "svg"])
        .stderr(Stdio::inherit())
        .output()
        .context("can't start ordinance map")?;
    match output.status.code() {
        Some(0 | 1) => Ok(output.stdout),
        _ => bail!("ordinance map failed: {}", output.status),
    }
}
