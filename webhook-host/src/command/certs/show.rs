//! `ordinance certs show`: what there is, until when, who trusts it, and what comes next.

use super::sources::{SourceArgs, Unfit};
use super::{CommonArgs, Exit, Output, json};
use crate::command::print;
use anyhow::Result;
use clap::Args;
use ordinance_certs::inspect::When;
use std::time::Duration;

/// Show certificates, who signed them, who trusts them, and the next step of the rotation
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance certs show
  ordinance certs show --kubeconfig ~/.kube/config --context kind-test --output json
  ordinance certs show --dir tls
  ordinance certs show --connect 127.0.0.1:8443 --dns-name ordinance.ordinance-system.svc
  ordinance certs show tls.crt ca.crt
  kubectl -n ordinance-system exec deploy/ordinance -- ordinance certs show

Without --dir, --connect and FILE it shows the Secret and the webhook configurations of a cluster.")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    sources: SourceArgs,
}

pub(super) fn run(args: &ShowArgs, common: CommonArgs) -> Result<Exit> {
    let inspection = args.sources.inspect(Unfit::Fails)?;
    let when = When { at: args.sources.at(), within: Duration::ZERO };
    let told = match args.sources.output {
        Output::Text => inspection.text(when, common.paint()),
        Output::Json => json(&inspection.document(when))?,
    };
    print(told.as_bytes())?;
    Ok(Exit::Fine)
}
