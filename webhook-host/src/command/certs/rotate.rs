//! `ordinance certs rotate`: takes the next step of a rotation now, if that is safe.

use super::cluster::{CertsClusterArgs, ClusterAuthority, block_on, request_error};
use super::output::{CertsFormat, json};
use super::remedies;
use crate::command::exit::Exit;
use crate::command::output::{CommonArgs, print};
use crate::units::DurationText;
use anyhow::{Context, Result};
use clap::Args;
use clap::builder::BoolishValueParser;
use ordinance_certs::{
    CA_CRT, CertificateDirectory, ClientTrust, RotationStep, Schedule, StepDecision, StepPolicy, Timestamp,
    rough_duration, take_next_step, trusted_bundles,
};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Take the next step of a CA's rotation now, if it is safe
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance certs rotate
  ordinance certs rotate --secret storage/guard-ca
  ordinance certs rotate --dir tls
  ordinance certs rotate --dir tls --trusted
  ordinance certs rotate --dir tls --webhook ordinance --kubeconfig ~/.kube/config
  ordinance certs rotate --force

A rotation has four steps: publish a next CA, which does not sign yet; confirm that every client trusts it; after a wait, sign
with it; once no certificate of the former CA can be in use, stop trusting the former CA. In a cluster, request only the first
step: the replica that has the Lease takes the others when they are due. In a directory, --trusted confirms that ca.crt is
in every caBundle; --webhook checks that in the cluster instead.

--force takes a step that is not safe yet, e.g. after a key was stolen: requests may fail meanwhile.

Exit codes: 0 took a step, 1 the step is not safe yet, 2 a file or the cluster could not be read or written.")]
pub(super) struct RotateArgs {
    /// A directory of `ordinance certs issue`, in place of the cluster's Secret
    #[arg(long, value_name = "DIR", env = "ORDINANCE_DIR", hide_env = true)]
    dir: Option<PathBuf>,
    /// Confirm that every client trusts the directory's ca.crt
    #[arg(long, env = "ORDINANCE_TRUSTED", hide_env = true, value_parser = BoolishValueParser::new())]
    trusted: bool,
    /// Take the step even if it is not safe yet
    #[arg(long, env = "ORDINANCE_FORCE", hide_env = true, value_parser = BoolishValueParser::new())]
    force: bool,
    /// For how long clients may use a caBundle after it was replaced [default: 5m]
    #[arg(long, value_name = "TIME", env = "ORDINANCE_WAIT", hide_env = true, value_parser = wait)]
    wait: Option<Duration>,
    /// The output format
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: CertsFormat,
    #[command(flatten)]
    cluster: CertsClusterArgs,
}

/// Longer than any API server uses a configuration after it was replaced.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The JSON output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RotateDocument {
    place: String,
    /// The step taken, or `null` if it is not safe yet.
    step: Option<RotationStep>,
    /// When the step is safe; absent if that depends on clients and not on time.
    #[serde(skip_serializing_if = "Option::is_none")]
    safe_at: Option<String>,
    message: String,
}

pub(super) fn run(args: &RotateArgs, common: CommonArgs) -> Result<Exit> {
    let now = SystemTime::now();
    let document = match &args.dir {
        Some(dir) => args.in_directory(dir, &block_on(args.client_trust())?, now)?,
        None => block_on(args.in_cluster(now))?,
    };
    let exit = if document.step.is_some() { Exit::Success } else { Exit::Refused };
    let text = match args.output {
        CertsFormat::Json => json(&document)?,
        CertsFormat::Text if common.quiet && exit == Exit::Success => String::new(),
        CertsFormat::Text => format!("{}: {}\n", document.place, document.message),
    };
    print(text.as_bytes())?;
    Ok(exit)
}

// === impl RotateArgs ===

impl RotateArgs {
    /// Returns why the arguments conflict.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        match &self.dir {
            Some(_) if self.cluster.names_secret() => Some("--dir and --secret are two CAs; give one"),
            Some(_) if self.trusted && self.cluster.is_named() => {
                Some("--webhook checks what clients trust, so --trusted is not needed; give one")
            }
            None if self.trusted => {
                Some("--trusted is about a directory; in a cluster the command checks what clients trust")
            }
            _ => None,
        }
    }

    const fn policy(&self) -> StepPolicy {
        if self.force { StepPolicy::Force } else { StepPolicy::WhenSafe }
    }

    /// Returns what is known of the clients of a directory's CA.
    async fn client_trust(&self) -> Result<ClientTrust> {
        if self.trusted || !self.cluster.is_named() {
            return Ok(if self.trusted { ClientTrust::Confirmed } else { ClientTrust::Unknown });
        }
        let found = self.cluster.open().await?.read_configurations().await?;
        Ok(ClientTrust::Observed(trusted_bundles(&found)))
    }

    fn in_directory(&self, dir: &Path, trust: &ClientTrust, now: SystemTime) -> Result<RotateDocument> {
        let wait = self.wait.unwrap_or(Schedule::default().wait);
        let rotated = CertificateDirectory::new(dir).rotate(trust, self.policy(), wait, now);
        let decision = rotated.map_err(remedies::rotate_error)?.result;
        let bundle = dir.join(CA_CRT).display().to_string();
        let again = format!("ordinance certs rotate --dir {}", dir.display());
        let actions = NextActions {
            publish: format!("put {bundle} into every caBundle, then: {again} --trusted, or --webhook NAME"),
            confirm: format!("it signs after the wait: run {again}"),
            untrusted: format!(
                "put {bundle} into every caBundle, then add --trusted, or --webhook NAME to check them"
            ),
        };
        Ok(actions.document(dir.display().to_string(), &decision, now))
    }

    async fn in_cluster(&self, now: SystemTime) -> Result<RotateDocument> {
        let ClusterAuthority { store, configurations, mut schedule, place, .. } = self.cluster.open().await?;
        schedule.wait = self.wait.unwrap_or(schedule.wait);
        let decision = take_next_step(&store, &configurations, schedule, self.policy(), now).await;
        let decision = decision.map_err(|error| request_error(&place, error))?;
        let remedy = "a replica with --cert self-managed makes one at its first start";
        let decision = decision.with_context(|| format!("{place}: holds no CA; {remedy}"))?;
        let actions = NextActions {
            publish: "the replica that has the Lease takes the other steps; see `ordinance certs show`"
                .into(),
            confirm: "the replica that has the Lease signs with it after the wait".into(),
            untrusted:
                "the replica that has the Lease writes caBundle within 10 s; if it does not, its log says why"
                    .into(),
        };
        Ok(actions.document(place, &decision, now))
    }
}

/// What the operator does next, depending on where the CA is.
struct NextActions {
    publish: String,
    confirm: String,
    untrusted: String,
}

// === impl NextActions ===

impl NextActions {
    fn document(&self, place: String, decision: &StepDecision, now: SystemTime) -> RotateDocument {
        let (step, safe_at) = match decision {
            StepDecision::Take(step, _) => (Some(*step), None),
            StepDecision::Untrusted => (None, None),
            StepDecision::WaitsForClients(until) | StepDecision::WaitsForLeaves(until) => {
                (None, Some(*until))
            }
        };
        let safe_at = safe_at.map(|time| Timestamp::from(time).rfc3339());
        RotateDocument { place, step, safe_at, message: self.message(decision, now) }
    }

    fn message(&self, decision: &StepDecision, now: SystemTime) -> String {
        match decision {
            StepDecision::Take(RotationStep::Publish, _) => {
                format!("a next CA is published, which does not sign yet; {}", self.publish)
            }
            StepDecision::Take(RotationStep::Confirm, _) => {
                format!("every client trusts the next CA; {}", self.confirm)
            }
            StepDecision::Take(RotationStep::Switch, _) => {
                "the next CA signs now; the former one stays trusted until no certificate of it can be in use"
                    .into()
            }
            StepDecision::Take(RotationStep::Shrink, _) => {
                "the former CA is no longer trusted; the rotation is complete".into()
            }
            StepDecision::Take(RotationStep::Replace, _) => {
                format!("the CA had expired, and a new one signs now; {}", self.publish)
            }
            StepDecision::Untrusted => {
                format!("not yet: a client does not trust the next CA; {}, or --force", self.untrusted)
            }
            StepDecision::WaitsForClients(until) => format!(
                "not yet: for {} a client may use a caBundle without the next CA; try again after {}, or --force",
                time_left(*until, now),
                Timestamp::from(*until)
            ),
            StepDecision::WaitsForLeaves(until) => format!(
                "not yet: for {} a certificate of the former CA may be in use, so it stays trusted; try again after \
                 {}, or --force",
                time_left(*until, now),
                Timestamp::from(*until)
            ),
        }
    }
}

/// Parses a wait for clap.
fn wait(text: &str) -> Result<Duration, String> {
    let wait = DurationText::parse(text)?;
    if wait > LONGEST_WAIT {
        return Err(format!(
            "`{text}` is too long; give at most {}",
            humantime::format_duration(LONGEST_WAIT)
        ));
    }
    Ok(wait)
}

fn time_left(until: SystemTime, now: SystemTime) -> String {
    rough_duration(until.duration_since(now).unwrap_or_default())
}
