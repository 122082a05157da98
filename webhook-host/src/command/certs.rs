//! `ordinance certs`: issues, shows, rotates and verifies certificates, in a directory or in a cluster.
//!
//! The library `ordinance-certs` decides. This module gathers its input, and words remedies with the flags of the command
//! line.

mod cluster;
mod issue;
mod output;
mod remedies;
mod rotate;
mod show;
mod sources;
mod verify;

use super::exit::Exit;
use super::output::CommonArgs;
use anyhow::Result;
use clap::{Args, Subcommand};

/// Issue, show, rotate and verify certificates
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance certs issue --dir tls
  ordinance certs show
  ordinance certs rotate
  ordinance certs verify --within 14d")]
pub(super) struct CertsArgs {
    #[command(subcommand)]
    command: CertsCommand,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
enum CertsCommand {
    Issue(issue::IssueArgs),
    Show(show::ShowArgs),
    Rotate(rotate::RotateArgs),
    Verify(verify::VerifyArgs),
}

pub(super) fn run(args: &CertsArgs, common: CommonArgs) -> Result<Exit> {
    match &args.command {
        CertsCommand::Issue(args) => issue::run(args, common),
        CertsCommand::Show(args) => show::run(args, common),
        CertsCommand::Rotate(args) => rotate::run(args, common),
        CertsCommand::Verify(args) => verify::run(args, common),
    }
}

// === impl CertsArgs ===

impl CertsArgs {
    /// Returns why the arguments conflict.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        match &self.command {
            CertsCommand::Rotate(args) => args.conflict(),
            CertsCommand::Verify(args) => args.conflict(),
            CertsCommand::Issue(_) | CertsCommand::Show(_) => None,
        }
    }
}
