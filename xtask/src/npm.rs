//! The npm package of the policy: wasm-bindgen's output for Node, bundlers and pages, beside one another.

use crate::build;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use wasm_bindgen_cli_support::Bindgen;

/// The package that is compiled.
const PACKAGE: &str = "ordinance-policy-js";

/// The name of the modules in the package.
const STEM: &str = "ordinance_policy";

/// The version in the manifest's source.
const UNVERSIONED: &str = "0.0.0";

/// What cargo says of an artifact that it made.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// `cargo xtask npm`: builds the package and says where it is.
pub fn run() -> Result<ExitCode> {
    anstream::println!("{}", build()?.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds the package and returns its directory.
pub fn build() -> Result<PathBuf> {
    build::wasm_target()?;
    let module = module()?;
    let source = crate::root().join("policy/js/npm");
    let package = crate::root().join("policy/js/pkg");
    for target in [Target::Node, Target::Bundler, Target::Web] {
        target.generate(&module, &package)?;
    }
    fs::copy(source.join("README.md"), package.join("README.md"))?;
    // Inside the package, which is of modules, Node's part is CommonJS: it can be imported and required.
    fs::write(package.join("node/package.json"), "{\"type\": \"commonjs\"}\n")?;
    manifest(&source.join("package.json"), &package.join("package.json"))?;
    Ok(package)
}

/// The manifest with the workspace's version, and all else as it is: the order of `exports` has a meaning.
fn manifest(source: &Path, target: &Path) -> Result<()> {
    let text = fs::read_to_string(source).with_context(|| format!("can't read {}", source.display()))?;
    let versioned = text.replacen(UNVERSIONED, env!("CARGO_PKG_VERSION"), 1);
    fs::write(target, versioned).with_context(|| format!("can't write {}", target.display()))
}

/// Compiles the policy and returns the path of the module.
fn module() -> Result<PathBuf> {
    let mut cargo = build::cargo();
    cargo.args(["build", "--package", PACKAGE, "--profile", "component", "--target", build::WASM]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("can't start cargo")?;
    if !output.status.success() {
        bail!("{PACKAGE} could not be built");
    }
    let files = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok().map(|message| message.filenames));
    let module = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
    files.flatten().find(module).with_context(|| format!("cargo names no module of {PACKAGE}"))
}

/// Who loads the module.
#[derive(Clone, Copy)]
enum Target {
    Node,
    Bundler,
    Web,
}

// === impl Target ===

impl Target {
    fn generate(self, module: &Path, package: &Path) -> Result<()> {
        let mut bindgen = Bindgen::new();
        bindgen.input_path(module).out_name(STEM).typescript(true);
        let directory = match self {
            Self::Node => bindgen.nodejs(true).map(|_| "node"),
            Self::Bundler => bindgen.bundler(true).map(|_| "bundler"),
            Self::Web => bindgen.web(true).map(|_| "web"),
        }?;
        bindgen.generate(package.join(directory)).with_context(|| format!("wasm-bindgen, for {directory}"))
    }
}
