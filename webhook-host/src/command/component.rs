//! `ordinance component`: the built-in policy as a file, for other hosts and for manual calls.

use super::exit::Exit;
use super::output::print;
use anyhow::{Result, bail};
use clap::Args;
use std::io::{self, IsTerminal};

/// Write the built-in policy's WebAssembly component to stdout
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance component > storage.wasm
  ordinance component | sha256sum")]
pub(super) struct ComponentArgs {}

pub(super) fn run(_: &ComponentArgs) -> Result<Exit> {
    if io::stdout().is_terminal() {
        bail!("a component is binary; redirect it to a file: ordinance component > storage.wasm");
    }
    print(ordinance_engine::builtin::COMPONENT)?;
    Ok(Exit::Success)
}
