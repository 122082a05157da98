//! Builds the policy for WebAssembly, makes a component of it, and compiles that ahead.
//!
//! So a plain `cargo build` of the host embeds the policy of the same tree. The inner cargo has a target directory of its
//! own, since the outer one holds the lock of the other.

use config::{Room, config};
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasmtime::Engine;
use wit_component::ComponentEncoder;

#[path = "src/config.rs"]
mod config;

/// What the policy is compiled to.
const WASM: &str = "wasm32-unknown-unknown";

/// The package that is built.
const PACKAGE: &str = "ordinance-policy-component";

/// What the outer cargo, or a tool around it, sets for its own compiler alone.
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

/// All that the component is made from, seen from the root of the workspace; `policy/js` is left out.
const SOURCES: [&str; 9] = [
    "Cargo.lock",
    "Cargo.toml",
    "crates/storage/Cargo.toml",
    "crates/storage/src",
    "policy/Cargo.toml",
    "policy/component",
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
    // Asked for at run time: checkouts that share a target directory share this program, too.
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../..");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo::rustc-env=ORDINANCE_WASMTIME={}", wasmtime_version(&root)?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    require_target()?;
    let module = build_module(&root, &inner_target(&out).join("policy-wasm"))?;
    let component = ComponentEncoder::default().validate(true).module(&fs::read(module)?)?.encode()?;
    fs::write(out.join("storage.wasm"), &component)?;
    fs::write(out.join("storage.cwasm"), compile(&component)?)?;
    Ok(())
}

/// Fails with the command that helps if rustc has no standard library for the target.
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

/// Where the inner cargo builds: beside the outer cargo's profiles, since they all have the same component in common.
fn inner_target(out: &Path) -> &Path {
    // `out` is `<target>/<profile>/build/<package>-<hash>/out`.
    out.ancestors().nth(4).unwrap_or(out)
}

/// Builds the component's module, and says where it is.
fn build_module(root: &Path, target: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut cargo = Command::new(variable("CARGO")?);
    for name in NOT_INHERITED {
        cargo.env_remove(name);
    }
    let status = cargo
        .current_dir(root)
        .args([
            "build",
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
        .status()?;
    if !status.success() {
        return Err(format!("building {PACKAGE} for {WASM} failed: the lines above say why").into());
    }
    let module = PACKAGE.replace('-', "_") + ".wasm";
    Ok(target.join(WASM).join("component").join(module))
}

/// Compiles a component for the baseline of the target, so that it runs on every machine of that kind.
fn compile(component: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let target = variable("TARGET")?;
    let target = target.to_str().ok_or("the name of the target is not text")?;
    let engine = Engine::new(&config(&Room::default(), Some(target))?)?;
    Ok(engine.precompile_component(component)?)
}

/// The version that the lock file pins; the crate itself does not tell it.
fn wasmtime_version(root: &Path) -> Result<String, Box<dyn Error>> {
    let lock = fs::read_to_string(root.join("Cargo.lock"))?;
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"wasmtime\"");
    let version =
        lines.nth(1).and_then(|line| line.strip_prefix("version = ")).map(|text| text.trim_matches('"'));
    version.map(str::to_owned).ok_or_else(|| "Cargo.lock has no wasmtime".into())
}

fn variable(name: &str) -> Result<OsString, Box<dyn Error>> {
    std::env::var_os(name).ok_or_else(|| format!("cargo did not set {name}").into())
}
