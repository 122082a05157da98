//! `cargo xtask drawing`: draws the founding story's map into `docs/founding-story.svg`, which the README shows.
//!
//! With `--check` nothing is written: the file must be what would be written. `cargo xtask papers` checks it, too.

use crate::build::{self, Profile};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The manifests that are drawn: two replicas, and two volumes on one directory.
const STORY: [&str; 3] = ["pv.yaml", "pv2-mistake.yaml", "web.yaml"];

/// What to do about the drawing.
#[derive(Args)]
pub struct Arguments {
    /// Write nothing; fail if the drawing is not that of the manifests.
    #[arg(long)]
    check: bool,
}

/// Writes the drawing, or checks it.
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

/// Fails if the drawing is not that of the manifests.
pub fn check(ordinance: &Path) -> Result<()> {
    let path = path();
    if std::fs::read(&path).ok() != Some(drawing(ordinance)?) {
        bail!("{} is not that of the manifests; run: cargo xtask drawing", path.display());
    }
    Ok(())
}

/// `ordinance map` of the founding story. It exits with 1, since a volume is refused.
pub fn map(ordinance: &Path) -> Command {
    let mut map = Command::new(ordinance);
    map.arg("map").args(STORY).current_dir(crate::root().join(crate::demo::STORY)).stdin(Stdio::null());
    map
}

fn path() -> PathBuf {
    crate::root().join("docs/founding-story.svg")
}

/// The drawing as it should be.
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
