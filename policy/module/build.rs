//! Builds `policy/component` for WebAssembly.
//!
//! So a plain `cargo build` of the host embeds the policy of the same source tree. The inner cargo uses a target directory
//! of its own, because the outer cargo holds the lock of the main one.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "a build script talks to cargo")]

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of the policy.
const WASM: &str = "wasm32-unknown-unknown";

/// The policy's package.
const PACKAGE: &str = "ordinance-policy-component";

/// Gives the component a memory that a review never has to grow: growing takes a lock of the whole process, which costs two
/// threads more than the review itself. There is room for the stack, the data, and what a review of 100 KiB allocates.
const MEMORY: [&str; 4] = ["-C", "link-arg=--initial-memory=524288", "-C", "link-arg=-zstack-size=131072"];

/// Variables that the outer cargo, or a tool around it, sets for its own compiler only.
const NOT_INHERITED: [&str; 8] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "RUSTC_WRAPPER",
];

/// The sources of the component, relative to the root of the workspace. `policy/js` is not part of it.
const SOURCES: [&str; 14] = [
    ".cargo/config.toml",
    "policy/rules",
    "Cargo.lock",
    "Cargo.toml",
    "crates/json/Cargo.toml",
    "crates/json/src",
    "crates/storage/Cargo.toml",
    "crates/storage/src",
    "policy/Cargo.toml",
    "policy/component",
    "policy/sdk",
    "policy/src",
    "wit/policy.wit",
    "wit/src",
];

fn main() {
    if let Err(error) = run() {
        println!("cargo::error={}", error.to_string().replace('\n', " "));
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // Read at run time, because checkouts that share a target directory share this program.
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../..");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    require_target()?;
    let module = build_module(&root, &inner_target(&out).join("policy-wasm"))?;
    fs::copy(module, out.join("storage.wasm"))?;
    Ok(())
}

/// Fails if rustc has no standard library for the target, and names the command that installs it.
fn require_target() -> Result<(), Box<dyn Error>> {
    let answer =
        Command::new(variable("RUSTC")?).args(["--print", "target-libdir", "--target", WASM]).output()?;
    let directory = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    if answer.status.success() && directory.is_dir() {
        return Ok(());
    }
    Err(format!("the policy is compiled to {WASM}, which is not installed: run `rustup target add {WASM}`")
        .into())
}

/// Returns where the inner cargo builds: beside the outer cargo's profiles, which share the component.
fn inner_target(out: &Path) -> &Path {
    // `out` is `<target>/<profile>/build/<package>-<hash>/out`.
    out.ancestors().nth(4).unwrap_or(out)
}

/// Builds the component's module, and returns its path.
fn build_module(root: &Path, target: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut cargo = Command::new(variable("CARGO")?);
    for name in NOT_INHERITED {
        cargo.env_remove(name);
    }
    let status = cargo
        .current_dir(root)
        .args([
            "rustc",
            "--locked",
            "--lib",
            "--package",
            PACKAGE,
            "--profile",
            "component",
            "--target",
            WASM,
        ])
        .arg("--target-dir")
        .arg(target)
        .arg("--")
        .args(MEMORY)
        .status()?;
    if !status.success() {
        return Err(format!("building {PACKAGE} for {WASM} failed; see the lines above").into());
    }
    let module = PACKAGE.replace('-', "_") + ".wasm";
    Ok(target.join(WASM).join("component").join(module))
}

fn variable(name: &str) -> Result<OsString, Box<dyn Error>> {
    std::env::var_os(name).ok_or_else(|| format!("cargo did not set {name}").into())
}
