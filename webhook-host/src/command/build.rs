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
use ordinance_engine::{LoadErrorKind, Policy, WasiImports};
use ordinance_files::{OutputFile, is_other_than_file, is_within};
use ordinance_report::printable;
use ordinance_workshop::{BuildOutput, Sources};
use serde_json::Value;
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
Either replaces the file of an earlier build, and no file that is neither a component nor a schema.
Editors use it for a file of settings that begins with this line:

  # yaml-language-server: $schema=NAME.settings.schema.json

Exit codes: 0 built, 2 not built, 64 bad usage.")]
pub(super) struct BuildArgs {
    /// The folder of the policy
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// The component's file; without it NAME.wasm in the folder of the policy
    #[arg(short, long, value_name = "FILE", env = "ORDINANCE_BUILD_OUTPUT", hide_env = true)]
    output: Option<PathBuf>,
}

/// What follows the name of the component in that of the file with the JSON Schema of the settings.
const SETTINGS_SCHEMA: &str = ".settings.schema.json";

/// The JSON Schema dialect of a schema that names none.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

pub(super) fn run(args: &BuildArgs, common: CommonArgs) -> Result<Exit> {
    let start = Instant::now();
    args.check_output()?;
    let component = Sources::of(&args.directory)?.build(build_output(common))?;
    let description = description(&component)?;
    let output = args.output(description.as_ref());
    check_outputs(&output)?;
    write_component(&output, &component)?;
    write_settings_schema(&schema_path(&output), description.as_ref())?;
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

/// Loads the component as the server does, and returns the policy's description; `None` if it needs settings.
fn description(component: &[u8]) -> Result<Option<Description>> {
    let engine = policies::engine(&Limits::default())?;
    match Policy::of_component(&engine, component, "", WasiImports::Refused) {
        Ok(policy) => Ok(Some(policy.description().clone())),
        Err(kind @ LoadErrorKind::Settings(_)) => {
            warn(&format!("without settings, the policy {kind}"));
            Ok(None)
        }
        Err(kind) => Err(anyhow!("the policy was built, but the component {kind}")),
    }
}

/// Writes the component, into a folder that is created if it does not exist.
fn write_component(output: &Path, component: &[u8]) -> Result<()> {
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    component_file(output).write(component).with_context(|| output.display().to_string())
}

/// Writes the JSON Schema of the policy's settings. Without a description, or with an invalid schema, the file of an earlier build is
/// removed, since it may be wrong.
fn write_settings_schema(file: &Path, description: Option<&Description>) -> Result<()> {
    let schema = match description.map(policies::settings_schema_of) {
        Some(Ok(schema)) => Some(schema_text(&with_dialect(schema))),
        Some(Err(error)) => {
            warn(&format!("{error:#}"));
            None
        }
        None => None,
    };
    let output = schema_file(file);
    let written = schema.map_or_else(|| output.remove(), |text| output.write(text.as_bytes()));
    written.with_context(|| file.display().to_string())
}

/// Adds the dialect to a schema without one, so that a later build recognizes the file.
fn with_dialect(mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.entry("$schema").or_insert_with(|| DIALECT.into());
    }
    schema
}

fn component_file(path: &Path) -> OutputFile<'_> {
    OutputFile::new(path, |head| head.starts_with(b"\0asm"))
}

fn schema_file(path: &Path) -> OutputFile<'_> {
    OutputFile::new(path, |head| head.starts_with(b"{") && is_within(head, b"\"$schema\""))
}

/// Returns the path of the schema beside a component: that of the component, without the ending `.wasm`.
fn schema_path(component: &Path) -> PathBuf {
    let is_wasm = component.extension().is_some_and(|extension| extension == "wasm");
    let mut path = if is_wasm { component.with_extension("") } else { component.to_owned() }.into_os_string();
    path.push(SETTINGS_SCHEMA);
    path.into()
}

/// Refuses files that can't be those of a component and its schema, before either is written.
fn check_outputs(component: &Path) -> Result<()> {
    let schema = schema_path(component);
    for (file, path) in [(component_file(component), component), (schema_file(&schema), &schema)] {
        match file.check() {
            // The folder is created.
            Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => {}
            checked => checked.with_context(|| path.display().to_string())?,
        }
    }
    Ok(())
}

fn summary(output: &Path, description: Option<Description>, bytes: usize, duration: Duration) -> String {
    let identity = description.map(|Description { name, version, .. }| format!("policy {name} {version}, "));
    let identity = identity.unwrap_or_default();
    let path = printable(&output.display().to_string());
    format!("{path}: {identity}{} KiB, built in {:.1} s\n", bytes.div_ceil(1024), duration.as_secs_f64())
}

// === impl BuildArgs ===

impl BuildArgs {
    /// Refuses an output that can't be the file of a component, before the policy is built.
    fn check_output(&self) -> Result<(), InputError> {
        let Some(output) = &self.output else { return Ok(()) };
        if is_other_than_file(output) {
            let problem = format_args!("{}: is no regular file; name a file", output.display());
            return Err(InputError::new("--output", problem));
        }
        check_outputs(output).map_err(|error| InputError::new("--output", format_args!("{error:#}")))
    }

    /// Returns the file of the component.
    fn output(&self, description: Option<&Description>) -> PathBuf {
        self.output.clone().unwrap_or_else(|| {
            let name = description.map_or("policy", |description| &description.name);
            self.directory.join(format!("{name}.wasm"))
        })
    }
}
