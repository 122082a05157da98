//! `ordinance certs issue`: makes or renews a CA and its leaf certificate as files.

use super::output::{CertsFormat, json};
use super::remedies;
use crate::command::exit::Exit;
use crate::command::output::{CommonArgs, print};
use crate::config::named;
use crate::units::DurationText;
use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use ordinance_certs::{
    CA_CRT, CertificateDirectory, DirectoryChange, DirectoryOutcome, IssueOptions, RotationPhase, Schedule,
    TLS_CRT, TLS_KEY, Timestamp,
};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The default names: the Service of the default installation, and this machine.
const DEFAULT_NAMES: [&str; 4] = ["ordinance.ordinance-system.svc", "localhost", "127.0.0.1", "::1"];

/// Issue a CA and a certificate of it as files, or renew what is due
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance certs issue --dir tls
  ordinance certs issue --dir tls --dns-name ordinance.storage.svc --lifetime 30d
  ordinance certs issue --dir tls --output json | jq -r .caBundle

The command writes tls.crt and tls.key for `ordinance serve --tls-cert --tls-key`, ca.crt for caBundle, and the CA with its
key. All files change at once, and only the owner can read the keys. Run the command regularly, e.g. every day: it renews
only what has lived for two thirds of its lifetime, and a running server reloads the files. A CA that is due gets a
successor, which signs once `ordinance certs rotate --trusted` confirms that every client trusts it.")]
pub(super) struct IssueArgs {
    /// The directory; created if it does not exist
    #[arg(long, value_name = "DIR", env = "ORDINANCE_DIR", hide_env = true)]
    dir: PathBuf,
    /// A DNS name or address of the certificate; may be repeated
    /// [default: ordinance.ordinance-system.svc, localhost, 127.0.0.1, ::1]
    #[arg(long, value_name = "NAME", env = "ORDINANCE_DNS_NAME", hide_env = true, value_delimiter = ',')]
    dns_name: Vec<String>,
    /// The lifetime of the certificate [default: the stored one, else 90d]
    #[arg(long, value_name = "TIME", env = "ORDINANCE_LIFETIME", hide_env = true, value_parser = DurationText::parse)]
    lifetime: Option<Duration>,
    /// The lifetime of the CA [default: the stored one, else 1825d]
    #[arg(long, value_name = "TIME", env = "ORDINANCE_AUTHORITY_LIFETIME", hide_env = true)]
    #[arg(value_parser = DurationText::parse)]
    authority_lifetime: Option<Duration>,
    /// The output format
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: CertsFormat,
}

/// The JSON output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IssueDocument {
    done: Vec<String>,
    names: Vec<String>,
    certificate: PathBuf,
    key: PathBuf,
    ca: PathBuf,
    ca_bundle: String,
    renew_at: String,
    phase: RotationPhase,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_step_at: Option<String>,
}

pub(super) fn run(args: &IssueArgs, common: CommonArgs) -> Result<Exit> {
    let directory = CertificateDirectory::new(&args.dir);
    let issued = directory.issue(&args.options(&directory)?, Schedule::default().wait, SystemTime::now());
    let outcome = issued.map_err(remedies::issue_error)?;
    let output = match args.output {
        CertsFormat::Json => json(&IssueDocument::new(&args.dir, &outcome))?,
        CertsFormat::Text if common.quiet => String::new(),
        CertsFormat::Text => text(&args.dir, &outcome),
    };
    print(output.as_bytes())?;
    Ok(Exit::Success)
}

fn text(dir: &Path, outcome: &DirectoryOutcome<Vec<DirectoryChange>>) -> String {
    let path = |name: &str| dir.join(name).display().to_string();
    let mut lines: Vec<String> =
        outcome.result.iter().map(|change| format!("{}: {change}", dir.display())).collect();
    if lines.is_empty() {
        lines.push(format!("{}: nothing is due", dir.display()));
    }
    lines.push(String::new());
    lines.push(format!("for       {}", outcome.names.join(", ")));
    lines.push(format!(
        "renew     after {}: run this command again; it renews only what is due",
        Timestamp::from(outcome.renewal)
    ));
    lines.push(format!("serve     ordinance serve --tls-cert {} --tls-key {}", path(TLS_CRT), path(TLS_KEY)));
    if outcome.phase == RotationPhase::Confirm {
        lines.push(format!(
            "rotate    put {} into every caBundle, then: ordinance certs rotate --dir {} --trusted",
            path(CA_CRT),
            dir.display()
        ));
    }
    lines.push(format!("caBundle  the base64 of {}, for webhook configurations:", path(CA_CRT)));
    lines.push(STANDARD.encode(&outcome.bundle));
    lines.join("\n") + "\n"
}

// === impl IssueArgs ===

impl IssueArgs {
    /// Returns the options. The default names apply only if the directory has no CA yet.
    fn options(&self, directory: &CertificateDirectory) -> Result<IssueOptions> {
        let mut names: Vec<String> = named(&self.dns_name).cloned().collect();
        if names.is_empty() && !directory.has_authority()? {
            names.extend(DEFAULT_NAMES.map(str::to_owned));
        }
        Ok(IssueOptions { names, leaf: self.lifetime, authority: self.authority_lifetime })
    }
}

// === impl IssueDocument ===

impl IssueDocument {
    fn new(dir: &Path, outcome: &DirectoryOutcome<Vec<DirectoryChange>>) -> Self {
        let rfc3339 = |time| Timestamp::from(time).rfc3339();
        Self {
            done: outcome.result.iter().map(ToString::to_string).collect(),
            names: outcome.names.clone(),
            certificate: dir.join(TLS_CRT),
            key: dir.join(TLS_KEY),
            ca: dir.join(CA_CRT),
            ca_bundle: STANDARD.encode(&outcome.bundle),
            renew_at: rfc3339(outcome.renewal),
            phase: outcome.phase,
            next_step_at: outcome.next_step.map(rfc3339),
        }
    }
}
