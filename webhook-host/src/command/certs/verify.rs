//! `ordinance certs verify`: whether everybody who trusts somebody trusts what is served, now and for some time.

use super::sources::{SourceArgs, Unfit};
use super::{CommonArgs, Exit, Output, json};
use crate::command::print;
use crate::units::Span;
use anyhow::Result;
use clap::Args;
use ordinance_certs::inspect::When;
use std::time::Duration;

/// Verify that certificates are in date, have their keys and names, and are trusted by whoever calls
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance certs verify
  ordinance certs verify --within 14d
  ordinance certs verify --dir tls --webhook ordinance --kubeconfig ~/.kube/config
  ordinance certs verify --connect 127.0.0.1:8443 --ca ca.crt --dns-name ordinance.ordinance-system.svc
  ordinance certs verify tls.crt tls.key ca.crt --at 2027-01-31T12:00:00Z

Without --dir, --connect and FILE it verifies the Secret and the webhook configurations of a cluster. What is given
together is compared with each other: whatever is served with whoever trusts.

Exit codes: 0 nothing wrong, 1 something wrong, a line each, 2 something could not be read or asked.")]
pub(super) struct VerifyArgs {
    /// What expires so soon is wrong, too
    #[arg(long, value_name = "TIME", env = "ORDINANCE_WITHIN", hide_env = true)]
    #[arg(value_parser = Span::parse)]
    within: Option<Duration>,
    #[command(flatten)]
    sources: SourceArgs,
}

pub(super) fn run(args: &VerifyArgs, common: CommonArgs) -> Result<Exit> {
    let inspection = args.sources.inspect(Unfit::IsFound)?;
    let when = When { at: args.sources.at(), within: args.within.unwrap_or_default() };
    let findings = inspection.findings(when);
    let told = match args.sources.output {
        Output::Json => json(&inspection.document(when))?,
        Output::Text if findings.is_empty() && !common.quiet => format!("{}\n", inspection.summary()),
        Output::Text => findings.iter().map(|finding| format!("{finding}\n")).collect(),
    };
    print(told.as_bytes())?;
    Ok(if findings.is_empty() { Exit::Fine } else { Exit::Refused })
}

// === impl VerifyArgs ===

impl VerifyArgs {
    /// Why this can't be run.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        self.sources.is_without_trust().then_some(
            "--connect alone says not who trusts the server; give --ca FILE, --dir DIR or --webhook NAME, too",
        )
    }
}
