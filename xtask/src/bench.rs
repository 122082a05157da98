//! `cargo xtask bench`: builds the measuring program for speed and runs it.

use crate::build::{self, Profile};
use anyhow::Result;
use std::process::{Command, ExitCode};

/// What `cargo xtask bench` takes; everything is handed on to the measuring program.
#[derive(clap::Args)]
pub struct Arguments {
    /// Flags of the measuring program, e.g. `--output json`; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Measures.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    build::wasm_target()?;
    let ordinance = build::binary("ordinance", Profile::Release)?;
    let bench = build::binary("ordinance-bench", Profile::Release)?;
    let status = Command::new(bench)
        .arg("--ordinance")
        .arg(ordinance)
        .args(&arguments.rest)
        .current_dir(crate::root())
        .status()?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(2)).unwrap_or(2)))
}
