//! `cargo xtask prove`: long trials of what must never happen.

use crate::build::{self, Profile};
use anyhow::Result;
use std::process::{Command, ExitCode};

/// What is proven.
#[derive(clap::Subcommand)]
pub enum Subject {
    /// Rotations of certificates fail no request, and wrong ones would.
    Certificates(Rest),
}

/// Everything is handed on to the program that proves it.
#[derive(clap::Args)]
pub struct Rest {
    /// Flags of the proof, e.g. `--trials 30 --seed 2`; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds the proof for speed and runs it.
pub fn run(subject: &Subject) -> Result<ExitCode> {
    let Subject::Certificates(Rest { rest }) = subject;
    let proof = build::binary("ordinance-rotation", Profile::Release)?;
    let status = Command::new(proof).args(rest).current_dir(crate::root()).status()?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(2)).unwrap_or(2)))
}
