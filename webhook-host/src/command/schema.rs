//! `ordinance schema`: what may stand in settings, in the configuration and in cases, for editors and for checks.

use super::{Exit, policies, print};
use crate::config;
use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::path::PathBuf;

/// Print a JSON Schema (2020-12).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance schema settings
  ordinance schema settings --policy mine.wasm
  ordinance schema config > ordinance.schema.json")]
pub(super) struct SchemaArgs {
    /// Of what.
    #[arg(value_enum, default_value_t)]
    of: Document,
    /// For settings: the policy whose they are; without it the built-in `storage`.
    #[arg(long, value_name = "FILE", env = "ORDINANCE_POLICY", hide_env = true)]
    policy: Option<PathBuf>,
}

/// What a schema describes.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Document {
    /// The settings of a policy.
    #[default]
    Settings,
    /// The file that `ordinance serve --config` reads.
    Config,
    /// A case: what a policy must answer.
    Case,
}

pub(super) fn run(args: &SchemaArgs) -> Result<Exit> {
    let schema = match args.of {
        Document::Settings => policies::settings_schema(args.policy.as_deref())?,
        Document::Config => config::schema(),
        Document::Case => ordinance_case::schema(),
    };
    print(pretty(&schema).as_bytes())?;
    Ok(Exit::Fine)
}

fn pretty(schema: &Value) -> String {
    format!("{schema:#}\n")
}
