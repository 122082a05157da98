//! `cargo xtask prove`: long trials of properties that must always hold.

use crate::build::{self, Profile};
use crate::checkout;
use crate::e2e;
use anyhow::Result;
use ordinance_tools::Tool;
use std::process::{Command, ExitCode};

/// The property to try.
#[derive(clap::Subcommand)]
pub enum ProvenProperty {
    /// Rotations of certificates fail no request, and faulty rotations do.
    Certificates(Rest),
    /// Hostile clients neither stop a server nor fill its memory nor delay its other clients.
    Hostile(Rest),
    /// On a real API server, replicas that are killed, paused and cut off never admit two volumes that exclude each other.
    Races(Rest),
    /// No order of events lets replicas admit two objects that exclude each other, and faulty protocols do.
    Reservations(Rest),
}

/// The command line, which is passed to the trial program unchanged.
#[derive(clap::Args)]
pub struct Rest {
    /// Flags of the trial program, e.g. `--trials 30 --seed 2` or `--minutes 10`; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds the trial program, runs it, and returns its exit code.
pub fn run(subject: &ProvenProperty) -> Result<ExitCode> {
    let mut command = match subject {
        ProvenProperty::Certificates(Rest { rest }) => trials("ordinance-rotation", rest)?,
        ProvenProperty::Reservations(Rest { rest }) => trials("ordinance-reservations", rest)?,
        ProvenProperty::Races(Rest { rest }) => {
            e2e::tools(&Tool::SUITE)?;
            let mut command = trials("ordinance-races", rest)?;
            command.env("ORDINANCE_BINARY", e2e::binary(None)?);
            command
        }
        ProvenProperty::Hostile(Rest { rest }) => {
            let mut command = trials("ordinance-hostile", rest)?;
            command.arg("--ordinance").arg(e2e::binary(None)?);
            command
        }
    };
    build::exit_code(command.current_dir(checkout::root()))
}

/// Builds a trial program in release mode, and returns its command.
fn trials(program: &str, rest: &[String]) -> Result<Command> {
    let mut command = Command::new(build::binary(program, Profile::Release)?);
    command.args(rest);
    Ok(command)
}
