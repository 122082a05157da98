//! `cargo xtask npm`: builds the npm package of the policy with wasm-bindgen, for Node, bundlers and browsers.

use crate::build;
use crate::checkout;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use wasm_bindgen_cli_support::Bindgen;

/// The crate that wasm-bindgen reads.
const CRATE: &str = "ordinance-policy-js";

/// The file stem of the generated scripts and modules.
const STEM: &str = "ordinance_policy";

/// The version in `policy/js/npm/package.json`, replaced by the version of the workspace.
const PLACEHOLDER_VERSION: &str = "0.0.0";

/// A compiler artifact in cargo's JSON messages.
#[derive(Deserialize)]
struct Artifact {
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// A directory of the package, and the module loader that its script is written for.
#[derive(Clone, Copy)]
enum Loader {
    /// `require` and `import` in Node.
    Node,
    /// `import` of the WebAssembly module, resolved by a bundler.
    Bundler,
    /// `fetch` of the WebAssembly module, in a page without a bundler.
    Web,
}

/// Builds the package and prints its directory.
pub fn run() -> Result<ExitCode> {
    anstream::println!("{}", build()?.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds the package and returns its directory.
pub fn build() -> Result<PathBuf> {
    build::wasm_target()?;
    let module = compile()?;
    let source = checkout::root().join("policy/js/npm");
    let package = checkout::root().join("policy/js/pkg");
    for loader in [Loader::Node, Loader::Bundler, Loader::Web] {
        loader.generate(&module, &package)?;
    }
    copy(&source.join("README.md"), &package.join("README.md"))?;
    // The package is of type `module`, but wasm-bindgen writes CommonJS for Node, where both `require` and `import` load it.
    write(&package.join("node/package.json"), "{\"type\": \"commonjs\"}\n")?;
    write_manifest(&source.join("package.json"), &package.join("package.json"))?;
    Ok(package)
}

/// Copies the manifest and sets its version. The rest stays as text, since the order of the conditions in `exports` matters.
fn write_manifest(source: &Path, target: &Path) -> Result<()> {
    let text = fs::read_to_string(source).with_context(|| format!("can't read {}", source.display()))?;
    write(target, &text.replacen(PLACEHOLDER_VERSION, env!("CARGO_PKG_VERSION"), 1))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("can't write {}", path.display()))
}

fn copy(source: &Path, target: &Path) -> Result<()> {
    fs::copy(source, target).with_context(|| format!("can't copy {}", source.display()))?;
    Ok(())
}

/// Compiles the policy and returns the path of the WebAssembly module.
fn compile() -> Result<PathBuf> {
    let mut cargo = build::cargo();
    cargo.args(["build", "--package", CRATE, "--profile", "component", "--target", build::WASM]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("can't start cargo")?;
    if !output.status.success() {
        bail!("cargo can't build {CRATE}");
    }
    wasm_module(&output.stdout)
        .with_context(|| format!("cargo's messages name no WebAssembly module of {CRATE}"))
}

/// Returns the first WebAssembly module that cargo's messages name.
fn wasm_module(messages: &[u8]) -> Option<PathBuf> {
    let lines = messages.split(|byte| *byte == b'\n');
    let artifacts = lines.filter_map(|line| serde_json::from_slice::<Artifact>(line).ok());
    let mut files = artifacts.flat_map(|artifact| artifact.filenames);
    files.find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

// === impl Loader ===

impl Loader {
    /// Writes the script, the types and the WebAssembly module to the loader's directory in the package.
    fn generate(self, module: &Path, package: &Path) -> Result<()> {
        let directory = self.directory();
        let mut bindgen = Bindgen::new();
        bindgen.input_path(module).out_name(STEM).typescript(true);
        self.configure(&mut bindgen)
            .and_then(|bindgen| bindgen.generate(package.join(directory)))
            .with_context(|| format!("wasm-bindgen can't generate {directory}"))
    }

    fn directory(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Bundler => "bundler",
            Self::Web => "web",
        }
    }

    fn configure(self, bindgen: &mut Bindgen) -> Result<&mut Bindgen> {
        match self {
            Self::Node => bindgen.nodejs(true),
            Self::Bundler => bindgen.bundler(true),
            // `init()` without an argument then loads the module from beside the script; wasm-bindgen's default is to fail.
            Self::Web => Ok(bindgen.web(true)?.omit_default_module_path(false)),
        }
    }
}
