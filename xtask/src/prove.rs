//! `cargo xtask prove`: long trials of properties that must always hold.

use crate::build::{self, Profile};
use crate::checkout;
use anyhow::Result;
use std::process::{Command, ExitCode};

/// The property to try.
#[derive(clap::Subcommand)]
pub enum ProvenProperty {
    /// Rotations of certificates fail no request, and faulty rotations do.
    Certificates(Rest),
}

/// The command line, which is passed to the trial program unchanged.
#[derive(clap::Args)]
pub struct Rest {
    /// Flags of the trial program, e.g. `--trials 30 --seed 2`; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds the trial program in release mode, runs it, and returns its exit code.
pub fn run(subject: &ProvenProperty) -> Result<ExitCode> {
    let ProvenProperty::Certificates(Rest { rest }) = subject;
    let trials = build::binary("ordinance-rotation", Profile::Release)?;
    build::exit_code(Command::new(trials).args(rest).current_dir(checkout::root()))
}
