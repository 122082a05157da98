//! `ordinance certs issue`: a CA and a certificate of it as files, made or renewed.

use super::{CommonArgs, Exit, Output, json};
use crate::command::print;
use crate::config::named;
use crate::units::Span;
use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use ordinance_certs::inspect::{CERTIFICATE, KEY, TRUSTED};
use ordinance_certs::{Done, Folder, Moment, Outcome, Phase, Schedule, Wish};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What a certificate is for if nobody says: the Service as it is installed, and this machine.
const NAMES: [&str; 4] = ["ordinance.ordinance-system.svc", "localhost", "127.0.0.1", "::1"];

/// Make a CA and a certificate of it as files, or renew what is due
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance certs issue --dir tls
  ordinance certs issue --dir tls --dns-name ordinance.storage.svc --lifetime 30d
  ordinance certs issue --dir tls --output json | jq -r .caBundle

The directory gets tls.crt, tls.key and ca.crt, for `ordinance serve --tls-cert --tls-key` and for caBundle, and the CA with
its key. All change at once, and keys are for their owner alone. Run it again, e.g. every day: it renews only what has
lived for two thirds of its time, and a server picks that up by itself. A CA that is due gets a successor, which signs once
`ordinance certs rotate --trusted` says that everybody trusts it.")]
pub(super) struct IssueArgs {
    /// The directory; it need not exist
    #[arg(long, value_name = "DIR", env = "ORDINANCE_DIR", hide_env = true)]
    dir: PathBuf,
    /// A DNS name or address that it is for; may be repeated
    /// [default: ordinance.ordinance-system.svc, localhost, 127.0.0.1, ::1]
    #[arg(long, value_name = "NAME", env = "ORDINANCE_DNS_NAME", hide_env = true, value_delimiter = ',')]
    dns_name: Vec<String>,
    /// How long the certificate counts [default: 90d, or as it was]
    #[arg(long, value_name = "TIME", env = "ORDINANCE_LIFETIME", hide_env = true, value_parser = Span::parse)]
    lifetime: Option<Duration>,
    /// How long the CA counts [default: 1825d, or as it was]
    #[arg(long, value_name = "TIME", env = "ORDINANCE_AUTHORITY_LIFETIME", hide_env = true)]
    #[arg(value_parser = Span::parse)]
    authority_lifetime: Option<Duration>,
    /// How to tell what was done
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: Output,
}

/// For scripts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    done: Vec<String>,
    names: Vec<String>,
    certificate: PathBuf,
    key: PathBuf,
    ca: PathBuf,
    ca_bundle: String,
    renew_at: String,
    phase: Phase,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_step_at: Option<String>,
}

pub(super) fn run(args: &IssueArgs, common: CommonArgs) -> Result<Exit> {
    let folder = Folder::new(&args.dir);
    let outcome = folder.issue(&args.wish(&folder)?, Schedule::default().wait, SystemTime::now())?;
    let told = match args.output {
        Output::Json => json(&Told::new(&args.dir, &outcome))?,
        Output::Text if common.quiet => String::new(),
        Output::Text => text(&args.dir, &outcome),
    };
    print(told.as_bytes())?;
    Ok(Exit::Fine)
}

fn text(dir: &Path, outcome: &Outcome<Vec<Done>>) -> String {
    let path = |name: &str| dir.join(name).display().to_string();
    let mut lines: Vec<String> =
        outcome.done.iter().map(|done| format!("{}: {done}", dir.display())).collect();
    if lines.is_empty() {
        lines.push(format!("{}: nothing is due", dir.display()));
    }
    lines.push(String::new());
    lines.push(format!("for       {}", outcome.names.join(", ")));
    lines.push(format!(
        "renew     after {}, by running this again; it renews only what is due",
        Moment::from(outcome.renewal)
    ));
    lines.push(format!("serve     ordinance serve --tls-cert {} --tls-key {}", path(CERTIFICATE), path(KEY)));
    if outcome.phase == Phase::Confirm {
        lines.push(format!(
            "rotate    put {} into every caBundle, then: ordinance certs rotate --dir {} --trusted",
            path(TRUSTED),
            dir.display()
        ));
    }
    lines.push(format!("caBundle  the base64 of {}, for webhook configurations:", path(TRUSTED)));
    lines.push(STANDARD.encode(&outcome.bundle));
    lines.join("\n") + "\n"
}

// === impl IssueArgs ===

impl IssueArgs {
    /// Names have a default only where there is no CA yet.
    fn wish(&self, folder: &Folder) -> Result<Wish> {
        let mut names: Vec<String> = named(&self.dns_name).cloned().collect();
        if names.is_empty() && !folder.has_authority()? {
            names.extend(NAMES.map(str::to_owned));
        }
        Ok(Wish { names, leaf: self.lifetime, authority: self.authority_lifetime })
    }
}

// === impl Told ===

impl Told {
    fn new(dir: &Path, outcome: &Outcome<Vec<Done>>) -> Self {
        let written = |moment| Moment::from(moment).rfc3339();
        Self {
            done: outcome.done.iter().map(ToString::to_string).collect(),
            names: outcome.names.clone(),
            certificate: dir.join(CERTIFICATE),
            key: dir.join(KEY),
            ca: dir.join(TRUSTED),
            ca_bundle: STANDARD.encode(&outcome.bundle),
            renew_at: written(outcome.renewal),
            phase: outcome.phase,
            next_step_at: outcome.next_step.map(written),
        }
    }
}
