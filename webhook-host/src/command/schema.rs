//! `ordinance schema`: JSON Schemas of settings, configuration and cases, for editors and validators.

use super::exit::Exit;
use super::output::print;
use super::policies;
use crate::config::{self, PolicyComponentArgs};
use anyhow::Result;
use clap::{Args, ValueEnum};
use ordinance_report::plain_json;
use serde_json::Value;

/// Print a JSON Schema (2020-12)
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance schema settings
  ordinance schema settings --policy mine.wasm
  ordinance schema config > ordinance.schema.json")]
pub(super) struct SchemaArgs {
    /// The kind of document
    #[arg(value_enum, default_value_t)]
    of: SchemaKind,
    /// For settings: the policy.
    #[command(flatten)]
    component: PolicyComponentArgs,
}

/// The kind of document that a schema describes.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum SchemaKind {
    /// The settings of a policy
    #[default]
    Settings,
    /// The file of `ordinance serve --config`
    Config,
    /// A test case of a policy
    Case,
}

pub(super) fn run(args: &SchemaArgs) -> Result<Exit> {
    let schema = match args.of {
        SchemaKind::Settings => policies::settings_schema(&args.component)?,
        SchemaKind::Config => config::schema(),
        SchemaKind::Case => ordinance_case::schema(),
    };
    print(plain_json(pretty(&schema)).as_bytes())?;
    Ok(Exit::Success)
}

fn pretty(schema: &Value) -> String {
    format!("{schema:#}\n")
}
