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
  ordinance schema config > ordinance.schema.json
  ordinance schema cases > case.schema.json

Editors with a language server for YAML complete and check a file by a schema that a comment in its
first line names, relative to the file:

  # yaml-language-server: $schema=ordinance.schema.json

`ordinance new` writes this line into the cases and the settings of a policy, and the schema of the
cases; `ordinance build` writes the schema of the settings beside the component.")]
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
    #[value(alias = "cases")]
    Case,
}

pub(super) fn run(args: &SchemaArgs) -> Result<Exit> {
    let schema = match args.of {
        SchemaKind::Settings => policies::settings_schema(&args.component)?,
        SchemaKind::Config => config::schema(),
        SchemaKind::Case => ordinance_case::schema(),
    };
    print(schema_text(&schema).as_bytes())?;
    Ok(Exit::Success)
}

/// Returns a schema as the text of a file.
pub(super) fn schema_text(schema: &Value) -> String {
    plain_json(format!("{schema:#}\n"))
}
