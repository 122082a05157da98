//! `ordinance inspect`: what a component is, and whether it can be used as a policy.

mod report;

use super::exit::Exit;
use super::local_components::warn_of_built_in;
use super::output::{self, CommonArgs, print};
use super::policies;
use crate::config::WasiArgs;
use crate::limits::Limits;
use anyhow::Result;
use clap::{Args, ValueEnum};
use ordinance_contract::Description;
use ordinance_engine::{Anatomy, LoadError, Policy};
use ordinance_report::plain_json;
use std::path::{Path, PathBuf};

/// Show what a policy's component is, reviews and costs, or why it can't be used
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance inspect
  ordinance inspect policy.wasm
  ordinance inspect policy.wasm --output json | jq .sections

The component is loaded with its default settings and the limits of the server. Nothing is reviewed.

Exit codes: 0 it can be used, 2 it can't.")]
pub(super) struct InspectArgs {
    /// The policy's Wasm component; without it the built-in policy `storage`
    #[arg(value_name = "POLICY")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    wasi: WasiArgs,
    /// The format of the report
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: InspectFormat,
}

/// The format of the report.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum InspectFormat {
    /// For people
    #[default]
    Text,
    /// For scripts: one object
    Json,
}

/// A component, taken apart and loaded.
struct Inspection {
    /// The file, or `storage (built in)`.
    name: String,
    bytes: usize,
    /// SHA-256, in hexadecimal.
    digest: String,
    anatomy: Anatomy,
    /// The policy's description of itself, or why there is none.
    description: Result<Description, LoadError>,
    limits: Limits,
}

pub(super) fn run(args: &InspectArgs, common: CommonArgs) -> Result<Exit> {
    let inspection = Inspection::of(args.policy.as_deref(), args.wasi)?;
    let text = match args.output {
        InspectFormat::Text => report::text(&inspection, common.color.on_stdout()),
        InspectFormat::Json => plain_json(format!("{:#}\n", report::json(&inspection))),
    };
    print(text.as_bytes())?;
    warn_of_built_in(args.policy.as_deref(), "name it as the argument", common);
    match inspection.description {
        Ok(_) => Ok(Exit::Success),
        Err(error) => {
            output::error(common.color, &error.into());
            Ok(Exit::Error)
        }
    }
}

// === impl Inspection ===

impl Inspection {
    fn of(file: Option<&Path>, wasi: WasiArgs) -> Result<Self> {
        let limits = Limits::default();
        let engine = policies::engine(&limits)?;
        let bytes = policies::component_of(file)?;
        let (name, loaded) = match file {
            Some(path) => (path.display().to_string(), Policy::load_with(&engine, path, "", wasi.imports())),
            None => ("storage (built in)".to_owned(), Policy::built_in(&engine, "")),
        };
        Ok(Self {
            name,
            bytes: bytes.len(),
            digest: policies::digest(&bytes),
            anatomy: Anatomy::of(&bytes),
            description: loaded.map(|policy| policy.description().clone()),
            limits,
        })
    }
}
