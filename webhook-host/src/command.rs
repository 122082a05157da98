//! The command line: one binary, one command for each thing that people and scripts ask of it.
//!
//! Results go to stdout, all else to stderr. Exit codes are those of [`Exit`].

mod certs;
mod check;
mod component;
mod generate;
mod given;
mod map;
mod output;
mod policies;
mod review;
mod schema;
mod serve;
mod version;

pub use output::{Color, print};

use crate::config::{PolicyArgs, ServeArgs};
use clap::error::ErrorKind;
use clap::{ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Keeps the replicas of a StatefulSet out of each other's files.
#[derive(Debug, Parser)]
#[command(name = "ordinance", version, propagate_version = false, disable_version_flag = false)]
#[command(after_help = "\
Examples:
  ordinance check deploy/
  ordinance serve --self-signed --listen 127.0.0.1:8443
  ordinance review request.json --phase validate --state cluster.yaml
  ordinance map web.yaml volumes/
  ordinance certs verify --within 14d
  ordinance schema settings > settings.schema.json

Exit codes: 0 nothing refused, 1 something refused, 2 could not judge, 64 bad usage.")]
pub struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Common")]
pub struct CommonArgs {
    /// Whether to colour what goes to a terminal; NO_COLOR is respected
    #[arg(long, global = true, value_enum, value_name = "WHEN", env = "ORDINANCE_COLOR", hide_env = true)]
    #[arg(default_value_t, hide_possible_values = true)]
    pub color: Color,
    /// Say only what went wrong
    #[arg(short, long, global = true, env = "ORDINANCE_QUIET", hide_env = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new(), conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count, env = "ORDINANCE_VERBOSE", hide_env = true)]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    Check(Box<check::CheckArgs>),
    Serve(Box<ServeArgs>),
    Review(review::ReviewArgs),
    Map(map::MapArgs),
    Certs(Box<certs::CertsArgs>),
    Schema(schema::SchemaArgs),
    Version(version::VersionArgs),
    Component(component::ComponentArgs),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

/// A command line that was understood.
#[derive(Debug)]
pub struct Invocation {
    cli: Cli,
    matches: ArgMatches,
}

/// A command line that was not, or that asked for help.
#[derive(Debug)]
pub struct Usage(clap::Error);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Nothing was refused.
    Fine,
    /// Something was refused.
    Refused,
    /// Something could not be judged.
    Unjudged,
    /// The command line could not be understood.
    Usage,
}

/// The whole command line as clap knows it.
pub fn definition() -> clap::Command {
    Cli::command()
}

/// Reads a command line; the environment counts too.
///
/// # Errors
///
/// What to print instead of running: help, or what is wrong.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Usage> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut definition = definition().color(Color::asked(&arguments).for_help());
    let matches = definition.try_get_matches_from_mut(&arguments).map_err(Usage)?;
    let cli = Cli::from_arg_matches(&matches).map_err(Usage)?;
    if let Some(why) = cli.command.conflict() {
        return Err(Usage(definition.error(ErrorKind::ArgumentConflict, why)));
    }
    Ok(Invocation { cli, matches })
}

/// Does what was asked; errors are one line on stderr.
pub fn run(invocation: &Invocation) -> Exit {
    let common = invocation.cli.common;
    let outcome = match &invocation.cli.command {
        Command::Check(args) => check::run(args, common),
        Command::Serve(args) => serve::run(args, invocation.own_matches(), common),
        Command::Review(args) => review::run(args),
        Command::Map(args) => map::run(args, common),
        Command::Certs(args) => certs::run(args, common),
        Command::Schema(args) => schema::run(args),
        Command::Version(args) => version::run(args),
        Command::Component(args) => component::run(args),
        Command::Completions(args) => generate::completions(args),
        Command::Man(args) => generate::man(args),
    };
    outcome.unwrap_or_else(|error| {
        output::error(common.color, &error);
        Exit::Unjudged
    })
}

// === impl Command ===

impl Command {
    /// Why its arguments do not go together.
    fn conflict(&self) -> Option<&'static str> {
        match self {
            Self::Check(args) => args.conflict(),
            Self::Map(args) => args.conflict(),
            Self::Serve(args) => args.conflict(),
            Self::Certs(args) => args.conflict(),
            _ => None,
        }
    }
}

// === impl Invocation ===

impl Invocation {
    /// The matches of the command that was named.
    fn own_matches(&self) -> &ArgMatches {
        self.matches.subcommand().map_or(&self.matches, |(_, matches)| matches)
    }
}

// === impl Usage ===

impl Usage {
    /// Prints it where it belongs: help to stdout, errors to stderr.
    pub fn print(&self) -> Exit {
        // Who closed the pipe does not want to read on.
        let _ = self.0.print();
        if self.0.use_stderr() { Exit::Usage } else { Exit::Fine }
    }
}

// === impl Exit ===

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Fine => Self::SUCCESS,
            Exit::Refused => Self::from(1),
            Exit::Unjudged => Self::from(2),
            // EX_USAGE of sysexits.h.
            Exit::Usage => Self::from(64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command, and every command of one.
    fn all(command: &clap::Command) -> Vec<clap::Command> {
        command.get_subcommands().flat_map(|own| [vec![own.clone()], all(own)].concat()).collect()
    }

    #[test]
    fn the_definition_holds_together() {
        definition().debug_assert();
    }

    #[test]
    fn every_command_has_its_manual_page() {
        let definition = definition();
        let commands: Vec<&str> = definition.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(commands, generate::COMMANDS);
    }

    #[test]
    fn every_flag_has_its_variable() {
        for command in all(&definition()) {
            for flag in command.get_arguments().filter(|argument| !argument.is_positional()) {
                let long = flag.get_long().expect("every flag has a long form");
                let expected = format!("ORDINANCE_{}", long.to_uppercase().replace('-', "_"));
                let found = flag.get_env().map(|name| name.to_string_lossy().into_owned());
                assert_eq!(found, Some(expected), "{} --{long}", command.get_name());
            }
        }
    }

    #[test]
    fn every_command_has_examples() {
        for command in all(&definition()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n  "), "{}", command.get_name());
        }
    }
}
