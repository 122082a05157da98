//! Calls of cargo: the Wasm target, the binaries of the workspace, and this program with more features.

use crate::checkout;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// The target that the policy is compiled to.
pub const WASM: &str = "wasm32-unknown-unknown";

/// The arguments of cargo that choose the packages for this machine: all but the shells of the policy, which are built for Wasm.
///
/// Cargo enables the features of a dependency that any chosen package needs. With the same packages for every program, it
/// compiles what programs share only once for each profile.
pub const HOST_PACKAGES: [&str; 7] = [
    "--workspace",
    "--exclude",
    "ordinance-policy-component",
    "--exclude",
    "ordinance-policy-js",
    "--exclude",
    "ordinance-policy-wapc",
];

/// Prefixes of the variables that cargo sets for a program that it runs.
const CARGO_PREFIXES: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// A cargo profile of the workspace.
#[derive(Clone, Copy)]
pub enum Profile {
    /// Builds fast.
    Dev,
    /// Runs fast, and links in seconds.
    Release,
    /// What the image contains: fat LTO and one codegen unit.
    Dist,
}

/// A message of cargo about an artifact that it built.
#[derive(Deserialize)]
struct CargoMessage {
    executable: Option<PathBuf>,
}

/// Returns the cargo that runs this program, to be called at the root of the checkout.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(checkout::root());
    // Build scripts that read the variables of this program's package would run again for every other caller.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| CARGO_PREFIXES.iter().any(|prefix| name.starts_with(prefix))) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs a command, and fails if it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("can't start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// Runs a command and returns its exit code; 2 if a signal ended it.
pub fn exit_code(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| format!("can't start {command:?}"))?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)))
}

/// Returns this program, built with one of its optional features.
///
/// The dependencies of `npm` and `fuzz` are optional: `cargo xtask demo` is the first command that a newcomer runs, and
/// without them it compiles about 80 crates less. A command that needs such a dependency runs this program again.
pub fn with_feature(feature: &str) -> Command {
    let mut xtask = cargo();
    xtask.args(["run", "--quiet", "--package", "xtask", "--features", feature, "--"]);
    xtask
}

/// Runs the same command line with an optional feature, and returns the exit code.
#[cfg(not(all(feature = "fuzz", feature = "npm")))]
pub fn rerun_with(feature: &str) -> Result<ExitCode> {
    exit_code(with_feature(feature).args(std::env::args_os().skip(1)))
}

/// Installs the Wasm target with rustup if it is missing.
pub fn wasm_target() -> Result<()> {
    if has_wasm_target() {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    run(rustup.args(["target", "add", WASM])).with_context(|| {
        format!("the policy is compiled to {WASM}, which is not installed; try: rustup target add {WASM}")
    })
}

/// Installs clang and its linker for WebAssembly if they are missing: the tests also build policies in C.
pub fn c_compiler() -> Result<()> {
    if is_there("clang") && is_there("wasm-ld") {
        return Ok(());
    }
    install(&["clang", "lld"]).context("the tests also build policies in C: install clang and lld")
}

/// Installs valgrind, which counts instructions, if it is missing.
pub fn valgrind() -> Result<()> {
    if is_there("valgrind") {
        return Ok(());
    }
    // Valgrind does not start without the symbols of the dynamic linker.
    install(&["valgrind", "libc6-dbg"]).context("the instructions are counted by valgrind: install it")
}

fn is_there(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Installs packages of Debian.
fn install(packages: &[&str]) -> Result<()> {
    run(Command::new("apt-get").args(["update", "--quiet"]))?;
    let install = ["install", "--quiet", "--yes", "--no-install-recommends"];
    run(Command::new("apt-get").args(install).args(packages))
}

fn has_wasm_target() -> bool {
    let rustc = Command::new("rustc").args(["--print", "target-libdir", "--target", WASM]).output();
    rustc.is_ok_and(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Builds a program of the workspace and returns its path.
pub fn binary(name: &str, profile: Profile) -> Result<PathBuf> {
    let mut build = cargo();
    build.arg("build").args(HOST_PACKAGES).args(["--bin", name, "--profile", profile.name()]);
    build.args(["--message-format", "json-render-diagnostics"]);
    let output = build.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("can't start cargo")?;
    if !output.status.success() {
        bail!("{name} could not be built");
    }
    executable(&output.stdout).with_context(|| format!("cargo's messages name no program {name}"))
}

/// Returns the last executable that cargo's messages name.
fn executable(messages: &[u8]) -> Option<PathBuf> {
    let lines = messages.split(|byte| *byte == b'\n');
    lines.rev().find_map(|line| serde_json::from_slice::<CargoMessage>(line).ok()?.executable)
}

// === impl Profile ===

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
            Self::Dist => "dist",
        }
    }
}
