//! `ordinance build`: the component of a policy, from its sources.

use super::exit::Exit;
use super::output::{CommonArgs, print, warn};
use super::policies;
use crate::limits::Limits;
use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use ordinance_engine::{LoadError, LoadErrorKind, Policy};
use ordinance_report::printable;
use ordinance_workshop::{BuildOutput, Sources};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Build a policy, and check that the server can load it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance build
  ordinance build policies/few-replicas
  ordinance build --output dist/few-replicas.wasm

A policy in Rust is built by cargo, for the target wasm32-unknown-unknown; one in C by clang and wasm-ld;
one in JavaScript by componentize-js, which npm installs with the packages of the policy.

Exit codes: 0 built, 2 not built, 64 bad usage.")]
pub(super) struct BuildArgs {
    /// The folder of the policy
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// The component's file; without it NAME.wasm in the folder of the policy
    #[arg(short, long, value_name = "FILE", env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: Option<PathBuf>,
}

/// A component on the disk, under a name for the time until it is checked.
struct UncheckedComponent {
    path: PathBuf,
}

pub(super) fn run(args: &BuildArgs, common: CommonArgs) -> Result<Exit> {
    let start = Instant::now();
    let component = Sources::of(&args.directory)?.build(build_output(common))?;
    let unchecked = UncheckedComponent::write(&args.folder_of_output(), &component)?;
    let identity = unchecked.identity()?;
    let output = match (&args.output, &identity) {
        (Some(output), _) => output.clone(),
        (None, Some((name, _))) => args.directory.join(format!("{name}.wasm")),
        (None, None) => args.directory.join("policy.wasm"),
    };
    unchecked.rename(&output)?;
    print(summary(&output, identity, component.len(), start.elapsed()).as_bytes())?;
    Ok(Exit::Success)
}

fn build_output(common: CommonArgs) -> BuildOutput {
    match (common.quiet, common.verbose) {
        (true, _) => BuildOutput::Quiet,
        (false, 0) => BuildOutput::Progress,
        (false, _) => BuildOutput::Verbose,
    }
}

fn summary(output: &Path, identity: Option<(String, String)>, bytes: usize, duration: Duration) -> String {
    let identity = identity.map(|(name, version)| format!("policy {name} {version}, ")).unwrap_or_default();
    let path = printable(&output.display().to_string());
    format!("{path}: {identity}{} KiB, built in {:.1} s\n", bytes.div_ceil(1024), duration.as_secs_f64())
}

// === impl BuildArgs ===

impl BuildArgs {
    /// Returns the folder of the output, so that a rename within it replaces the output at once.
    fn folder_of_output(&self) -> PathBuf {
        match self.output.as_deref().map(Path::parent) {
            Some(Some(parent)) if parent == Path::new("") => PathBuf::from("."),
            Some(Some(parent)) => parent.to_owned(),
            Some(None) | None => self.directory.clone(),
        }
    }
}

// === impl UncheckedComponent ===

impl UncheckedComponent {
    fn write(folder: &Path, component: &[u8]) -> Result<Self> {
        let mut name = OsString::from(".ordinance-build-");
        name.push(std::process::id().to_string());
        name.push(".wasm");
        let unchecked = Self { path: folder.join(name) };
        fs::write(&unchecked.path, component).with_context(|| unchecked.path.display().to_string())?;
        Ok(unchecked)
    }

    /// Loads the component as the server does, and returns the policy's name and version; `None` if it needs settings.
    fn identity(&self) -> Result<Option<(String, String)>> {
        let engine = policies::engine(&Limits::default())?;
        match Policy::load(&engine, &self.path, "") {
            Ok(policy) => {
                let description = policy.description();
                Ok(Some((description.name.clone(), description.version.clone())))
            }
            Err(LoadError { kind: kind @ LoadErrorKind::Settings(_), .. }) => {
                warn(&format!("without settings, the policy {kind}"));
                Ok(None)
            }
            Err(LoadError { kind, .. }) => Err(anyhow!("the policy was built, but the component {kind}")),
        }
    }

    fn rename(self, output: &Path) -> Result<()> {
        fs::rename(&self.path, output).with_context(|| output.display().to_string())
    }
}

impl Drop for UncheckedComponent {
    fn drop(&mut self) {
        // After a rename there is no such file.
        let _ = fs::remove_file(&self.path);
    }
}
