//! `ordinance build`: the component of a policy, from its sources.

use super::exit::Exit;
use super::output::{CommonArgs, print, warn};
use super::policies;
use super::schema::schema_text;
use crate::config::InputError;
use crate::limits::Limits;
use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use ordinance_contract::Description;
use ordinance_engine::{LoadError, LoadErrorKind, Policy};
use ordinance_report::printable;
use ordinance_workshop::{BuildOutput, Sources};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
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

Beside the component NAME.wasm, the JSON Schema of the settings is written: NAME.settings.schema.json.
Editors use it for a file of settings that begins with this line:

  # yaml-language-server: $schema=NAME.settings.schema.json

Exit codes: 0 built, 2 not built, 64 bad usage.")]
pub(super) struct BuildArgs {
    /// The folder of the policy
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// The component's file; without it NAME.wasm in the folder of the policy
    #[arg(short, long, value_name = "FILE", env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: Option<PathBuf>,
}

/// The extension of the file with the JSON Schema of the settings, in place of that of the component.
const SETTINGS_SCHEMA: &str = "settings.schema.json";

/// A component on the disk, under a name for the time until it is checked.
struct UncheckedComponent {
    path: PathBuf,
}

pub(super) fn run(args: &BuildArgs, common: CommonArgs) -> Result<Exit> {
    let start = Instant::now();
    args.check_output()?;
    let component = Sources::of(&args.directory)?.build(build_output(common))?;
    let unchecked = UncheckedComponent::write(&args.folder_of_output(), &component)?;
    let description = unchecked.description()?;
    let output = match (&args.output, &description) {
        (Some(output), _) => output.clone(),
        (None, Some(description)) => args.directory.join(format!("{}.wasm", description.name)),
        (None, None) => args.directory.join("policy.wasm"),
    };
    unchecked.rename(&output)?;
    write_settings_schema(&output.with_extension(SETTINGS_SCHEMA), description.as_ref())?;
    print(summary(&output, description, component.len(), start.elapsed()).as_bytes())?;
    Ok(Exit::Success)
}

fn build_output(common: CommonArgs) -> BuildOutput {
    match (common.quiet, common.verbose) {
        (true, _) => BuildOutput::Quiet,
        (false, 0) => BuildOutput::Progress,
        (false, _) => BuildOutput::Verbose,
    }
}

/// Writes the JSON Schema of the policy's settings. Without a description, or with an invalid schema, the file of an earlier build is
/// removed, since it may be wrong.
fn write_settings_schema(file: &Path, description: Option<&Description>) -> Result<()> {
    let schema = match description.map(policies::settings_schema_of) {
        Some(Ok(schema)) => Some(schema_text(&schema)),
        Some(Err(error)) => {
            warn(&format!("{error:#}"));
            None
        }
        None => None,
    };
    let written = match schema {
        Some(text) => fs::write(file, text),
        None => fs::remove_file(file).or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        }),
    };
    written.with_context(|| file.display().to_string())
}

fn summary(output: &Path, description: Option<Description>, bytes: usize, duration: Duration) -> String {
    let identity = description.map(|Description { name, version, .. }| format!("policy {name} {version}, "));
    let identity = identity.unwrap_or_default();
    let path = printable(&output.display().to_string());
    format!("{path}: {identity}{} KiB, built in {:.1} s\n", bytes.div_ceil(1024), duration.as_secs_f64())
}

// === impl BuildArgs ===

impl BuildArgs {
    /// Refuses an output that is no regular file: a rename would replace, e.g., a device.
    fn check_output(&self) -> Result<(), InputError> {
        let Some(output) = &self.output else { return Ok(()) };
        match fs::metadata(output) {
            Ok(metadata) if !metadata.is_file() => Err(InputError::new(
                "--output",
                format_args!("{}: is no regular file; name a file", output.display()),
            )),
            _ => Ok(()),
        }
    }

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
    /// Writes the component into a folder, which is created if it does not exist.
    fn write(folder: &Path, component: &[u8]) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let mut name = OsString::from(".ordinance-build-");
        name.push(std::process::id().to_string());
        name.push(".wasm");
        let unchecked = Self { path: folder.join(name) };
        fs::write(&unchecked.path, component).with_context(|| unchecked.path.display().to_string())?;
        Ok(unchecked)
    }

    /// Loads the component as the server does, and returns the policy's description; `None` if it needs settings.
    fn description(&self) -> Result<Option<Description>> {
        let engine = policies::engine(&Limits::default())?;
        match Policy::load(&engine, &self.path, "") {
            Ok(policy) => Ok(Some(policy.description().clone())),
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
