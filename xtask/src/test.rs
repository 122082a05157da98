//! `cargo xtask test`: every test that needs no control plane.

use crate::{build, npm};
use anyhow::{Context, Result};
use std::process::{Command, ExitCode, Stdio};

/// Runs every test.
pub fn run() -> Result<ExitCode> {
    build::wasm_target()?;
    node()?;
    npm::build()?;
    build::run(build::cargo().args(["test", "--workspace", "--no-fail-fast"]).args(ELSEWHERE))?;
    Ok(ExitCode::SUCCESS)
}

/// The shells are built for Wasm, by the tests that use them; what needs a control plane is run by `cargo xtask e2e`.
const ELSEWHERE: [&str; 6] = [
    "--exclude",
    "ordinance-policy-component",
    "--exclude",
    "ordinance-policy-js",
    "--exclude",
    "ordinance-e2e",
];

/// The cases run in Node too: says so where there is none, rather than passing them over.
fn node() -> Result<()> {
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    node.map(|_| ()).context("the tests also run the policy in Node: install Node 20 or newer")
}
