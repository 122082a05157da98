//! `cargo xtask e2e`: Ordinance behind a real API server.

use crate::build::{self, Profile};
use anyhow::{Context, Result, ensure};
use ordinance_tools::Tool;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, ExitCode};

/// What to run, and where.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only scenarios whose names contain this.
    filter: Option<String>,
    /// Run on a cluster that exists already, with Ordinance installed; what stops parts of a cluster is passed over.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Keep every review that Ordinance is sent, redacted, in a new folder; scenarios are played one after the other.
    #[arg(long, value_name = "DIR", conflicts_with = "kubeconfig")]
    record: Option<PathBuf>,
    /// The program under test; built from this checkout without.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_BINARY")]
    binary: Option<PathBuf>,
}

/// Finds or builds all that is needed, and runs the scenarios.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut suite = suite(arguments)?;
    match &arguments.kubeconfig {
        Some(kubeconfig) => {
            tools(&[Tool::Kubectl])?;
            suite.env("ORDINANCE_E2E_KUBECONFIG", absolute(kubeconfig)?);
        }
        None => {
            tools(&Tool::SUITE)?;
            suite.env("ORDINANCE_BINARY", binary(arguments.binary.as_deref())?);
        }
    }
    let status = suite.status().context("can't start cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The suite as cargo runs it.
fn suite(arguments: &Arguments) -> Result<Command> {
    let mut suite = build::cargo();
    suite
        .args(["test", "--quiet", "--package", "ordinance-e2e", "--test", "e2e", "--"])
        .args(&arguments.filter);
    suite.env_remove("ORDINANCE_E2E_KUBECONFIG").env_remove("ORDINANCE_E2E_RECORD");
    if let Some(folder) = &arguments.record {
        let entries = std::fs::read_dir(folder).into_iter().flatten().count();
        ensure!(entries == 0, "{} has files already; record into a new folder", folder.display());
        suite.env("ORDINANCE_E2E_RECORD", absolute(folder)?).arg("--test-threads=1");
    }
    Ok(suite)
}

/// Finds programs, or builds them, with progress.
pub fn tools(wanted: &[Tool]) -> Result<ordinance_tools::Tools> {
    Ok(ordinance_tools::find(wanted, &mut |line| anstream::eprintln!("{line}"))?)
}

/// The program under test: in release mode, since a development build of the engine is slow.
pub fn binary(given: Option<&Path>) -> Result<PathBuf> {
    let Some(given) = given else {
        build::wasm_target()?;
        return build::binary("ordinance", Profile::Release);
    };
    absolute(given).context("the program under test")
}
