//! The command line of the binary `ordinance`, with a module per command.
//!
//! Results go to stdout, everything else to stderr. [`Exit`] lists the exit codes.

mod audit;
mod bench;
mod build;
mod certs;
mod change_args;
mod check;
mod cluster_args;
mod component;
mod drawing;
mod exit;
mod explain;
mod explanation;
mod generate;
mod inspect;
mod local_components;
mod manifest_args;
mod map;
mod migrate;
mod new;
mod output;
mod policies;
mod record;
mod replay;
mod request;
mod review;
mod schema;
mod serve;
mod stale_component;
mod test;
mod version;
mod webhooks;

pub use exit::Exit;
pub use output::{Color, CommonArgs, print};

use crate::config::ServeArgs;
use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::io;

/// Keeps the replicas of a StatefulSet out of each other's files, and runs policies of your own.
#[derive(Debug, Parser)]
#[command(name = "ordinance", version, propagate_version = false, disable_version_flag = false)]
#[command(after_help = "\
Examples:
  ordinance check deploy/
  ordinance serve --self-signed --listen 127.0.0.1:8443
  ordinance review request.json --phase validate --state cluster.yaml
  ordinance map web.yaml volumes/
  ordinance audit
  ordinance migrate web -n shop
  ordinance replay --settings strict.yaml reviews/
  ordinance certs verify --within 14d
  ordinance schema settings > settings.schema.json

A policy of your own: new writes one, build makes its component, test runs its cases; inspect, review,
request and explain show what it does, bench what it costs.
  ordinance new few-replicas
  ordinance test --policy few-replicas.wasm cases/
  ordinance inspect few-replicas.wasm

Exit codes: 0 nothing refused, 1 something refused, 2 an error occurred, 64 bad usage.")]
pub struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(Box<check::CheckArgs>),
    Serve(Box<ServeArgs>),
    Record(record::RecordArgs),
    Replay(Box<replay::ReplayArgs>),
    Review(Box<review::ReviewArgs>),
    Request(request::RequestArgs),
    Map(map::MapArgs),
    Audit(Box<audit::AuditArgs>),
    Migrate(Box<migrate::MigrateArgs>),
    Test(Box<test::TestArgs>),
    Explain(explain::ExplainArgs),
    Inspect(inspect::InspectArgs),
    Bench(Box<bench::BenchArgs>),
    Certs(Box<certs::CertsArgs>),
    Webhooks(webhooks::WebhooksArgs),
    New(new::NewArgs),
    Build(build::BuildArgs),
    Schema(schema::SchemaArgs),
    Version(version::VersionArgs),
    Component(component::ComponentArgs),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

/// A valid command line.
#[derive(Debug)]
pub struct Invocation {
    cli: Cli,
    matches: ArgMatches,
}

/// A command line that is invalid, or that asks for help.
#[derive(Debug)]
pub struct Usage(clap::Error);

/// Returns clap's definition of the command line.
pub fn definition() -> clap::Command {
    Cli::command()
}

/// Parses a command line and the environment variables of its flags.
///
/// # Errors
///
/// The text to print instead of running: help, or the problem.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Usage> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut definition = definition().color(Color::requested(&arguments).for_clap());
    let matches = definition.try_get_matches_from_mut(&arguments).map_err(Usage)?;
    let cli = Cli::from_arg_matches(&matches).map_err(Usage)?;
    if let Some(why) = cli.command.conflict() {
        return Err(Usage(chosen(&definition, &matches).error(ErrorKind::ArgumentConflict, why)));
    }
    Ok(Invocation { cli, matches })
}

/// Returns the definition of the innermost command that the arguments name, for an error with its usage.
fn chosen(definition: &clap::Command, matches: &ArgMatches) -> clap::Command {
    let inner =
        matches.subcommand().and_then(|(name, inner)| Some((definition.find_subcommand(name)?, inner)));
    inner.map_or_else(|| definition.clone(), |(definition, matches)| chosen(definition, matches))
}

/// Runs the command. Prints an error as one line to stderr.
pub fn run(invocation: &Invocation) -> Exit {
    let common = invocation.cli.common;
    let outcome = match &invocation.cli.command {
        Command::Check(args) => check::run(args, common),
        Command::Serve(args) => serve::run(args, invocation.own_matches(), common),
        Command::Review(args) => review::run(args, common),
        Command::Record(args) => record::run(args),
        Command::Replay(args) => replay::run(args, common),
        Command::Request(args) => request::run(args),
        Command::Map(args) => map::run(args, common),
        Command::Audit(args) => audit::run(args, common),
        Command::Migrate(args) => migrate::run(args, common),
        Command::Test(args) => test::run(args, common),
        Command::Explain(args) => explain::run(args),
        Command::Inspect(args) => inspect::run(args, common),
        Command::Bench(args) => bench::run(args, common),
        Command::Webhooks(args) => webhooks::run(args),
        Command::Certs(args) => certs::run(args, common),
        Command::New(args) => new::run(args, common),
        Command::Build(args) => build::run(args, common),
        Command::Schema(args) => schema::run(args),
        Command::Version(args) => version::run(args),
        Command::Component(args) => component::run(args),
        Command::Completions(args) => generate::completions(args, definition()),
        Command::Man(args) => generate::man(args, definition()),
    };
    outcome.unwrap_or_else(|error| {
        output::error(common.color, &error);
        Exit::Error
    })
}

// === impl Command ===

impl Command {
    /// Returns why the arguments can't be combined.
    fn conflict(&self) -> Option<&'static str> {
        match self {
            Self::Check(args) => args.conflict(),
            Self::Map(args) => args.conflict(),
            Self::Replay(args) => args.conflict(),
            Self::Audit(args) => args.conflict(),
            Self::Migrate(args) => args.conflict(),
            Self::Test(args) => args.conflict(),
            Self::Serve(args) => args.conflict(),
            Self::Certs(args) => args.conflict(),
            Self::Bench(args) => args.conflict(),
            _ => None,
        }
    }
}

// === impl Invocation ===

impl Invocation {
    /// Returns the matches of the command.
    fn own_matches(&self) -> &ArgMatches {
        self.matches.subcommand().map_or(&self.matches, |(_, matches)| matches)
    }
}

// === impl Usage ===

impl Usage {
    /// Prints help to stdout, or the problem to stderr.
    pub fn print(&self) -> Exit {
        let printed = self.0.print();
        match printed {
            _ if self.0.use_stderr() => Exit::Usage,
            // The reader wants no more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
            Err(error) => {
                output::error(Color::requested(&[]), &output::unwritten(error).into());
                Exit::Error
            }
            Ok(()) => Exit::Success,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns all commands and their subcommands.
    fn all(command: &clap::Command) -> Vec<clap::Command> {
        command.get_subcommands().flat_map(|own| [vec![own.clone()], all(own)].concat()).collect()
    }

    #[test]
    fn clap_accepts_the_definition() {
        definition().debug_assert();
    }

    #[test]
    fn every_command_has_a_manual_page() {
        let definition = definition();
        let commands: Vec<&str> = definition.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(commands, generate::COMMANDS);
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        for command in all(&definition()) {
            for flag in command.get_arguments().filter(|argument| !argument.is_positional()) {
                let long = flag.get_long().expect("every flag has a long form");
                let mut expected = format!("ORDINANCE_{}", long.to_uppercase().replace('-', "_"));
                if command.get_name() == "build" && long == "output" {
                    // Elsewhere --output is a format.
                    expected.insert_str("ORDINANCE_".len(), "BUILD_");
                }
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
