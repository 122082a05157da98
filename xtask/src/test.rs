//! `cargo xtask test`: every test that needs no control plane.

use crate::build;
use anyhow::{Context, Result};
use std::process::{Command, ExitCode, Stdio};

/// Runs every test.
pub fn run() -> Result<ExitCode> {
    build::wasm_target()?;
    require_node()?;
    build::c_compiler()?;
    build::run(build::with_feature("npm").arg("npm").stdout(Stdio::null()))?;
    let mut test = build::cargo();
    test.args(["test", "--no-fail-fast", "--features", "xtask/fuzz,xtask/npm"]);
    build::run(test.args(build::HOST_PACKAGES))?;
    Ok(ExitCode::SUCCESS)
}

/// Fails without Node: the cases run there too, and a test run that skips them would look complete.
fn require_node() -> Result<()> {
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    node.map(|_| ()).context("the tests also run the policy in Node: install Node 20 or newer")
}
