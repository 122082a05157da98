//! `ordinance version`: the versions of host, policy and engine.

use super::exit::Exit;
use super::output::print;
use super::policies;
use crate::config::PolicyComponentArgs;
use anyhow::Result;
use clap::Args;
use ordinance_report::without_runner_commands;

/// Print the versions of Ordinance, of the policy and of wasmtime
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance version
  ordinance version --policy mine.wasm")]
pub(super) struct VersionArgs {
    #[command(flatten)]
    component: PolicyComponentArgs,
}

pub(super) fn run(args: &VersionArgs) -> Result<Exit> {
    let policy = policies::identity(&args.component)?;
    let text = format!(
        "ordinance {}\npolicy {} {} sha256:{}\nwasmtime {}\n",
        env!("CARGO_PKG_VERSION"),
        policy.name,
        policy.version,
        policy.digest,
        ordinance_engine::Engine::wasmtime_version(),
    );
    print(without_runner_commands(text).as_bytes())?;
    Ok(Exit::Success)
}
