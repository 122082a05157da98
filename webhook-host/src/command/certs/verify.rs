//! `ordinance certs verify`: checks that every trust bundle accepts every certificate, now and for some time.

use super::output::{CertsFormat, json};
use super::remedies;
use super::sources::{InvalidMaterial, SourceArgs};
use crate::command::exit::Exit;
use crate::command::output::{CommonArgs, print};
use crate::units::DurationText;
use anyhow::Result;
use clap::Args;
use ordinance_certs::inspect::{CertificateFinding, InspectionTime};
use std::time::Duration;

/// Verify that certificates are in date, match their keys and names, and are trusted by their clients
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance certs verify
  ordinance certs verify --within 14d
  ordinance certs verify --dir tls --webhook ordinance --kubeconfig ~/.kube/config
  ordinance certs verify --connect 127.0.0.1:8443 --ca ca.crt --dns-name ordinance.ordinance-system.svc
  ordinance certs verify tls.crt tls.key ca.crt --at 2027-01-31T12:00:00Z

Without --dir, --connect and FILE, the command verifies the Secret and the webhook configurations of a cluster. It verifies
every certificate that is given against every trust bundle that is given.

Exit codes: 0 nothing is wrong, 1 something is wrong, one line each, 2 a file, a server or the cluster could not be read.")]
pub(super) struct VerifyArgs {
    /// Report certificates that expire within this time, too
    #[arg(long, value_name = "TIME", env = "ORDINANCE_WITHIN", hide_env = true)]
    #[arg(value_parser = DurationText::parse)]
    within: Option<Duration>,
    #[command(flatten)]
    sources: SourceArgs,
}

pub(super) fn run(args: &VerifyArgs, common: CommonArgs) -> Result<Exit> {
    let inspection = args.sources.inspect(InvalidMaterial::Finding)?;
    let time = InspectionTime { at: args.sources.at(), within: args.within.unwrap_or_default() };
    let findings = inspection.findings(time);
    let output = match args.sources.output {
        CertsFormat::Json => json(&inspection.document(time, remedies::describe))?,
        CertsFormat::Text if findings.is_empty() && !common.quiet => format!("{}\n", inspection.summary()),
        CertsFormat::Text => findings.iter().map(line).collect(),
    };
    print(output.as_bytes())?;
    Ok(if findings.is_empty() { Exit::Success } else { Exit::Refused })
}

fn line(finding: &CertificateFinding) -> String {
    format!("{}: {}\n", finding.place, finding.message(remedies::describe))
}

// === impl VerifyArgs ===

impl VerifyArgs {
    /// Returns why the arguments conflict.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        self.sources.lacks_trust_bundle().then_some(
            "--connect alone does not say which CA clients trust; add --ca FILE, --dir DIR or --webhook NAME",
        )
    }
}
