//! `ordinance request`: the AdmissionReview that an API server would send about a manifest.

use super::change_args::{ChangeArgs, INPUT_BYTES, input_name, read_input};
use super::exit::Exit;
use super::output::print;
use anyhow::Result;
use clap::Args;
use ordinance_report::plain_json;
use std::path::PathBuf;

/// Print the AdmissionReviews that an API server would send about manifests
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance request web.yaml
  ordinance request web.yaml --update stored.yaml --user eve > review.json
  ordinance request web.yaml | ordinance review --policy policy.wasm

There is one AdmissionReview per object, each in a line of its own.

Exit codes: 0 printed, 2 the manifests can't be read.")]
pub(super) struct RequestArgs {
    /// Manifests in YAML or JSON; `-` or nothing for stdin
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(args: &RequestArgs) -> Result<Exit> {
    let text = read_input(args.file.as_deref(), INPUT_BYTES)?;
    let manifests = args.change.manifests(&text, &input_name(args.file.as_deref()))?;
    let lines: String = manifests.reviews().map(|review| plain_json(review) + "\n").collect();
    print(lines.as_bytes())?;
    Ok(Exit::Success)
}
