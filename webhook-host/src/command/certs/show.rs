//! `ordinance certs show`: certificates with their validity, the bundles that trust them, and the next rotation step.

use super::output::{CertsFormat, json, text_style};
use super::remedies;
use super::sources::{InvalidMaterial, SourceArgs};
use crate::command::exit::Exit;
use crate::command::output::{CommonArgs, print};
use anyhow::Result;
use clap::Args;
use ordinance_certs::inspect::InspectionTime;
use std::time::Duration;

/// Show certificates, their issuers, the bundles that trust them, and the next step of the rotation
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance certs show
  ordinance certs show --kubeconfig ~/.kube/config --context kind-test --output json
  ordinance certs show --dir tls
  ordinance certs show --connect 127.0.0.1:8443 --dns-name ordinance.ordinance-system.svc
  ordinance certs show tls.crt ca.crt
  kubectl -n ordinance-system exec deploy/ordinance -- ordinance certs show

Without --dir, --connect and FILE, the command shows the Secret and the webhook configurations of a cluster.")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    sources: SourceArgs,
}

pub(super) fn run(args: &ShowArgs, common: CommonArgs) -> Result<Exit> {
    let inspection = args.sources.inspect(InvalidMaterial::Error)?;
    let time = InspectionTime { at: args.sources.at(), within: Duration::ZERO };
    let output = match args.sources.output {
        CertsFormat::Text => inspection.text(time, text_style(common), remedies::describe),
        CertsFormat::Json => json(&inspection.document(time, remedies::describe))?,
    };
    print(output.as_bytes())?;
    Ok(Exit::Success)
}
