//! Makes a component of the built-in policy, and compiles it ahead.

use config::{PoolLimits, config};
use ordinance_policy_module::MODULE;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wit_component::ComponentEncoder;

#[path = "src/config.rs"]
mod config;

fn main() {
    if let Err(error) = run() {
        println!("cargo::error={}", error.to_string().replace('\n', " "));
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // Read at run time, because checkouts that share a target directory share this program.
    let lock = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    println!("cargo::rustc-env=ORDINANCE_WASMTIME={}", wasmtime_version(&lock)?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let component = ComponentEncoder::default().validate(true).module(MODULE)?.encode()?;
    fs::write(out.join("storage.wasm"), &component)?;
    for (file, has_time_checks) in [("storage.cwasm", true), ("storage-unchecked.cwasm", false)] {
        fs::write(out.join(file), compile(&component, has_time_checks)?)?;
    }
    Ok(())
}

/// Compiles a component for the baseline of the target, so that it runs on every processor of the target.
fn compile(component: &[u8], has_time_checks: bool) -> Result<Vec<u8>, Box<dyn Error>> {
    let target = variable("TARGET")?;
    let target = target.to_str().ok_or("the name of the target is not text")?;
    let mut config = config(&PoolLimits::default(), Some(target))?;
    config.epoch_interruption(has_time_checks);
    let engine = Engine::new(&config)?;
    Ok(engine.precompile_component(component)?)
}

/// Returns the version of wasmtime in the lock file. The crate has no public constant for it.
fn wasmtime_version(lock: &Path) -> Result<String, Box<dyn Error>> {
    let lock = fs::read_to_string(lock)?;
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"wasmtime\"");
    let version =
        lines.nth(1).and_then(|line| line.strip_prefix("version = ")).map(|text| text.trim_matches('"'));
    version.map(str::to_owned).ok_or_else(|| "Cargo.lock has no wasmtime".into())
}

fn variable(name: &str) -> Result<OsString, Box<dyn Error>> {
    std::env::var_os(name).ok_or_else(|| format!("cargo did not set {name}").into())
}
