//! The output formats of `ordinance certs`.

use crate::command::output::CommonArgs;
use anyhow::Result;
use clap::ValueEnum;
use ordinance_certs::inspect::TextStyle;
use serde::Serialize;

/// The output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum CertsFormat {
    /// For people
    #[default]
    Text,
    /// For scripts: one object
    Json,
}

/// Formats a JSON document, with a final line break.
pub(super) fn json(document: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

/// Returns the style of text on stdout.
pub(super) fn text_style(common: CommonArgs) -> TextStyle {
    if common.color.on_stdout() { TextStyle::Colored } else { TextStyle::Plain }
}
