//! `ordinance certs`: certificates made, looked into, rotated and verified, in a directory or in a cluster.
//!
//! What they are and what comes next is known to the library of certificates; here is only where to look, and what to say.

mod cluster;
mod issue;
mod rotate;
mod show;
mod sources;
mod verify;

use super::{CommonArgs, Exit};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use ordinance_certs::inspect::Paint;
use serde::Serialize;

/// Make, show, rotate and verify certificates
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance certs issue --dir tls
  ordinance certs show
  ordinance certs rotate
  ordinance certs verify --within 14d")]
pub(super) struct CertsArgs {
    #[command(subcommand)]
    command: Command,
}

/// What to do with them.
#[derive(Debug, Subcommand)]
enum Command {
    Issue(issue::IssueArgs),
    Show(show::ShowArgs),
    Rotate(rotate::RotateArgs),
    Verify(verify::VerifyArgs),
}

/// How to tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Text,
    /// For scripts: one object
    Json,
}

pub(super) fn run(args: &CertsArgs, common: CommonArgs) -> Result<Exit> {
    match &args.command {
        Command::Issue(args) => issue::run(args, common),
        Command::Show(args) => show::run(args, common),
        Command::Rotate(args) => rotate::run(args, common),
        Command::Verify(args) => verify::run(args, common),
    }
}

// === impl CertsArgs ===

impl CertsArgs {
    /// Why this can't be run.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        match &self.command {
            Command::Rotate(args) => args.conflict(),
            Command::Verify(args) => args.conflict(),
            Command::Issue(_) | Command::Show(_) => None,
        }
    }
}

// === impl CommonArgs ===

impl CommonArgs {
    /// Whether what goes to stdout is coloured.
    fn paint(self) -> Paint {
        if self.color.on_stdout() { Paint::Coloured } else { Paint::Plain }
    }
}

/// A document for scripts.
fn json(document: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}
