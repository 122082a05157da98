//! Builds a policy in Rust, by cargo.

use crate::program::Program;
use crate::sources::{BuildError, BuildOutput};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CARGO: Program = Program { name: "cargo", remedy: "install Rust from https://rustup.rs" };

/// The target: the only one whose modules import nothing.
const WASM: &str = "wasm32-unknown-unknown";

/// A memory that a review need not let grow, as the template's `.cargo/config.toml` sets it. Only the policy is linked with
/// these flags, so that no dependency is built again.
const MEMORY: [&str; 4] = ["-C", "link-arg=--initial-memory=1048576", "-C", "link-arg=-zstack-size=131072"];

/// Variables that a cargo around this program, e.g. `cargo run`, sets for its own compiler only.
const NOT_INHERITED: [&str; 4] =
    ["CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS"];

/// A message of `cargo --message-format json`, of which only artefacts count.
#[derive(Deserialize)]
struct CargoMessage {
    reason: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    target: Option<CargoTarget>,
}

#[derive(Deserialize)]
struct CargoTarget {
    kind: Vec<String>,
}

/// Builds the package in a folder, and returns its module.
pub(crate) fn module(directory: &Path, output: BuildOutput) -> Result<Vec<u8>, BuildError> {
    require_target(directory)?;
    let mut cargo = command(directory, "cargo");
    cargo.args(["rustc", "--release", "--lib", "--target", WASM]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    match output {
        BuildOutput::Quiet => drop(cargo.arg("--quiet")),
        BuildOutput::Progress => {}
        BuildOutput::Verbose => drop(cargo.arg("--verbose")),
    }
    let answer =
        cargo.arg("--").args(MEMORY).stderr(Stdio::inherit()).output().map_err(|error| CARGO.error(error))?;
    if !answer.status.success() {
        return Err(BuildError::Failed("cargo"));
    }
    let path = module_path(&answer.stdout).ok_or_else(|| BuildError::NoModule(directory.to_owned()))?;
    fs::read(&path).map_err(BuildError::at(&path))
}

/// Fails if rustc has no standard library for the target.
fn require_target(directory: &Path) -> Result<(), BuildError> {
    let mut rustc = command(directory, "rustc");
    let answer = rustc
        .args(["--print", "target-libdir", "--target", WASM])
        .output()
        .map_err(|error| CARGO.error(error))?;
    let library = String::from_utf8_lossy(&answer.stdout);
    if answer.status.success() && Path::new(library.trim()).is_dir() {
        return Ok(());
    }
    Err(BuildError::NoTool {
        tool: "the target wasm32-unknown-unknown of Rust",
        remedy: "run `rustup target add wasm32-unknown-unknown`",
    })
}

/// Returns the last module that cargo reports: the policy's, after those of its dependencies.
fn module_path(messages: &[u8]) -> Option<PathBuf> {
    let lines = messages.split(|&byte| byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<CargoMessage>(line).ok());
    let is_module = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
    messages
        .filter(CargoMessage::is_cdylib)
        .filter_map(|message| message.filenames.into_iter().find(is_module))
        .next_back()
}

fn command(directory: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    command.current_dir(directory);
    command
}

// === impl CargoMessage ===

impl CargoMessage {
    fn is_cdylib(&self) -> bool {
        self.reason == "compiler-artifact"
            && self.target.as_ref().is_some_and(|target| target.kind.iter().any(|kind| kind == "cdylib"))
    }
}
