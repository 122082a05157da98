//! `cargo xtask e2e`: the end-to-end scenarios, with Ordinance behind a real API server.

use crate::build::{self, Profile};
use anyhow::{Context, Result, ensure};
use ordinance_tools::Tool;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, ExitCode};

/// The scenarios to run, and the cluster.
#[derive(clap::Args)]
pub struct Arguments {
    /// Run only scenarios whose names contain this text.
    filter: Option<String>,
    /// Run on an existing cluster with Ordinance installed; skip scenarios that stop parts of a cluster.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Store every review that Ordinance receives, redacted, in a new folder. Scenarios then run one after the other.
    #[arg(long, value_name = "DIR", conflicts_with = "kubeconfig")]
    record: Option<PathBuf>,
    /// The program under test; by default it is built from this checkout.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_BINARY")]
    binary: Option<PathBuf>,
}

/// Finds or builds the programs, and runs the scenarios.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(folder) = &arguments.record {
        let entries = std::fs::read_dir(folder).into_iter().flatten().count();
        ensure!(entries == 0, "{} has files already; record into a new folder", folder.display());
    }
    let (variable, file) = match &arguments.kubeconfig {
        Some(kubeconfig) => {
            tools(&[Tool::Kubectl])?;
            ("ORDINANCE_E2E_KUBECONFIG", absolute(kubeconfig)?)
        }
        None => {
            tools(&Tool::SUITE)?;
            ("ORDINANCE_BINARY", binary(arguments.binary.as_deref())?)
        }
    };
    let mut suite = suite(arguments)?;
    let status = suite.env(variable, file).status().context("can't start the suite")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the suite, and returns its command.
fn suite(arguments: &Arguments) -> Result<Command> {
    let mut suite = Command::new(build::binary("ordinance-e2e", Profile::Dev)?);
    suite.args(&arguments.filter);
    suite.env_remove("ORDINANCE_E2E_KUBECONFIG").env_remove("ORDINANCE_E2E_RECORD");
    if let Some(folder) = &arguments.record {
        suite.env("ORDINANCE_E2E_RECORD", absolute(folder)?).arg("--test-threads=1");
    }
    Ok(suite)
}

/// Finds or builds programs, and prints the progress.
pub fn tools(wanted: &[Tool]) -> Result<ordinance_tools::Tools> {
    Ok(ordinance_tools::find(wanted, &mut |line| anstream::eprintln!("{line}"))?)
}

/// Returns the program under test. It is built in release mode: compiling a policy takes long in a development build.
pub fn binary(given: Option<&Path>) -> Result<PathBuf> {
    let Some(given) = given else {
        build::wasm_target()?;
        return build::binary("ordinance", Profile::Release);
    };
    absolute(given).context("the program under test")
}
