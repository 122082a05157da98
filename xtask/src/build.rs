//! Cargo, called for a purpose: the Wasm target, and the binary `ordinance`.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The target that the policy is compiled to.
pub const WASM: &str = "wasm32-unknown-unknown";

/// How variables begin that cargo sets for a program that it runs.
const OURS: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// Which of cargo's profiles to build with.
#[derive(Clone, Copy)]
pub enum Profile {
    /// Quick to build.
    Dev,
    /// Quick to run.
    Release,
}

/// What cargo says of an artifact that it made.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// The cargo that runs this program, without what it says of this program: build scripts that look at these variables
/// would run anew whenever the caller is another.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(crate::root());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OURS.iter().any(|ours| name.starts_with(ours))) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs a command and fails if it does.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("can't start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// Makes sure that the Wasm target is installed: asks rustup for it where it is missing.
pub fn wasm_target() -> Result<()> {
    if has_wasm_target() {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    run(rustup.args(["target", "add", WASM])).with_context(|| {
        format!("the policy is compiled to {WASM}, which is not installed; try: rustup target add {WASM}")
    })
}

fn has_wasm_target() -> bool {
    let rustc = Command::new("rustc").args(["--print", "target-libdir", "--target", WASM]).output();
    rustc.is_ok_and(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Builds a binary and returns its path.
pub fn binary(package: &str, profile: Profile) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--package", package, "--message-format", "json-render-diagnostics"]);
    if matches!(profile, Profile::Release) {
        build.arg("--release");
    }
    let output = build.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("can't start cargo")?;
    if !output.status.success() {
        bail!("{package} could not be built");
    }
    executable(&output.stdout).with_context(|| format!("cargo names no binary of {package}"))
}

/// The last executable that cargo's messages name.
fn executable(messages: &[u8]) -> Option<PathBuf> {
    let lines = messages.split(|byte| *byte == b'\n');
    lines.rev().find_map(|line| serde_json::from_slice::<Message>(line).ok()?.executable)
}
