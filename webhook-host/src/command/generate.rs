//! `ordinance completions` and `ordinance man`, generated from the definition of the command line.

use super::exit::Exit;
use super::output::print;
use anyhow::Result;
use clap::Args;
use clap_complete::Shell;

/// The commands with a manual page. The list is static, because clap needs it while it defines the commands.
pub(super) const COMMANDS: [&str; 22] = [
    "check",
    "serve",
    "record",
    "replay",
    "review",
    "request",
    "map",
    "audit",
    "migrate",
    "test",
    "explain",
    "inspect",
    "bench",
    "certs",
    "webhooks",
    "new",
    "build",
    "schema",
    "version",
    "component",
    "completions",
    "man",
];

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance completions bash > /etc/bash_completion.d/ordinance
  source <(ordinance completions zsh)")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual page of Ordinance or of one command
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance man | man -l -
  ordinance man serve > ordinance-serve.1")]
pub(super) struct ManArgs {
    /// The command; without it the page of Ordinance
    #[arg(value_parser = COMMANDS)]
    command: Option<String>,
}

pub(super) fn completions(args: &CompletionsArgs, mut definition: clap::Command) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut definition, "ordinance", &mut script);
    print(&script)?;
    Ok(Exit::Success)
}

pub(super) fn man(args: &ManArgs, mut definition: clap::Command) -> Result<Exit> {
    definition.build();
    let command =
        args.command.as_deref().and_then(|name| definition.find_subcommand(name)).unwrap_or(&definition);
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    print(&page)?;
    Ok(Exit::Success)
}
