//! `ordinance certs rotate`: the next step of a rotation, now, where that is safe.

use super::cluster::{Cluster, ClusterArgs, block_on, unanswered};
use super::{CommonArgs, Exit, Output, json};
use crate::command::print;
use crate::units::Span;
use anyhow::{Context, Result};
use clap::Args;
use clap::builder::BoolishValueParser;
use ordinance_certs::inspect::{TRUSTED, left};
use ordinance_certs::{Asked, Folder, Haste, Moment, Schedule, Step, Trusting, ask, shown};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Take the next step of a CA's rotation now, where that is safe
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance certs rotate
  ordinance certs rotate --secret storage/guard-ca
  ordinance certs rotate --dir tls
  ordinance certs rotate --dir tls --trusted
  ordinance certs rotate --dir tls --webhook ordinance --kubeconfig ~/.kube/config
  ordinance certs rotate --force

The steps: a next CA is published, which signs nothing yet; everybody is seen to trust it; after a wait it signs; once no
certificate of the former one can be in use, that is trusted no more. In a cluster the first step is enough: the replica
that has the Lease takes the others in their time. In a directory --trusted is your word that ca.crt is in every caBundle;
with --webhook that is looked at in the cluster.

--force takes a step that is not safe yet, e.g. for a key that somebody has stolen: requests may fail meanwhile.

Exit codes: 0 a step was taken, 1 it is not safe yet, 2 something could not be read or written.")]
pub(super) struct RotateArgs {
    /// A directory of `ordinance certs issue`, in place of the cluster's Secret
    #[arg(long, value_name = "DIR", env = "ORDINANCE_DIR", hide_env = true)]
    dir: Option<PathBuf>,
    /// Every client has ca.crt of the directory
    #[arg(long, env = "ORDINANCE_TRUSTED", hide_env = true, value_parser = BoolishValueParser::new())]
    trusted: bool,
    /// Do not wait for what makes the step safe
    #[arg(long, env = "ORDINANCE_FORCE", hide_env = true, value_parser = BoolishValueParser::new())]
    force: bool,
    /// How long clients may go on with a caBundle that was replaced [default: 5m]
    #[arg(long, value_name = "TIME", env = "ORDINANCE_WAIT", hide_env = true, value_parser = wait)]
    wait: Option<Duration>,
    /// How to tell what was done
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: Output,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// No API server goes on with what it has read for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// For scripts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    place: String,
    /// The step that was taken; `null` if none was.
    step: Option<Step>,
    /// Until when none is safe; left out if that is not a matter of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    safe_at: Option<String>,
    message: String,
}

pub(super) fn run(args: &RotateArgs, common: CommonArgs) -> Result<Exit> {
    let now = SystemTime::now();
    let told = match &args.dir {
        Some(dir) => args.in_directory(dir, &block_on(args.trusting())?, now)?,
        None => block_on(args.in_cluster(now))?,
    };
    let exit = if told.step.is_some() { Exit::Fine } else { Exit::Refused };
    let text = match args.output {
        Output::Json => json(&told)?,
        Output::Text if common.quiet && exit == Exit::Fine => String::new(),
        Output::Text => format!("{}: {}\n", told.place, told.message),
    };
    print(text.as_bytes())?;
    Ok(exit)
}

// === impl RotateArgs ===

impl RotateArgs {
    /// Why this can't be run.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        match &self.dir {
            Some(_) if self.cluster.names_secret() => Some("--dir and --secret are two CAs; give one"),
            Some(_) if self.trusted && self.cluster.is_named() => {
                Some("--webhook says where to look, so that --trusted is not needed; give one")
            }
            None if self.trusted => {
                Some("--trusted is about a directory; in a cluster everybody can be asked")
            }
            _ => None,
        }
    }

    const fn haste(&self) -> Haste {
        if self.force { Haste::AtOnce } else { Haste::Safely }
    }

    /// What is known of those who are to trust a directory's CA.
    async fn trusting(&self) -> Result<Trusting> {
        if self.trusted || !self.cluster.is_named() {
            return Ok(if self.trusted { Trusting::Word } else { Trusting::Unknown });
        }
        let found = self.cluster.open().await?.found().await?;
        Ok(Trusting::Seen(shown(&found)))
    }

    fn in_directory(&self, dir: &Path, trusting: &Trusting, now: SystemTime) -> Result<Told> {
        let wait = self.wait.unwrap_or(Schedule::default().wait);
        let asked = Folder::new(dir).rotate(trusting, self.haste(), wait, now)?.done;
        let bundle = dir.join(TRUSTED).display().to_string();
        let again = format!("ordinance certs rotate --dir {}", dir.display());
        let ways = Ways {
            publish: format!("put {bundle} into every caBundle, then: {again} --trusted, or --webhook NAME"),
            confirm: format!("it signs after the wait: {again}"),
            untrusted: format!(
                "put {bundle} into every caBundle, then add --trusted, or --webhook NAME to have a look"
            ),
        };
        Ok(ways.told(dir.display().to_string(), &asked, now))
    }

    async fn in_cluster(&self, now: SystemTime) -> Result<Told> {
        let Cluster { store, configurations, mut schedule, place, .. } = self.cluster.open().await?;
        schedule.wait = self.wait.unwrap_or(schedule.wait);
        let asked = ask(&store, &configurations, schedule, self.haste(), now).await;
        let asked = asked.map_err(|error| unanswered(&place, error))?;
        let remedy = "a replica with --cert self-managed makes one at its first start";
        let asked = asked.with_context(|| format!("{place}: holds no CA; {remedy}"))?;
        let ways = Ways {
            publish: "the replica that has the Lease takes the other steps; see `ordinance certs show`"
                .into(),
            confirm: "the replica that has the Lease lets it sign after the wait".into(),
            untrusted:
                "the replica that has the Lease writes caBundle within 10 s; if it does not, its log says why"
                    .into(),
        };
        Ok(ways.told(place, &asked, now))
    }
}

/// What to do next, where the CA is.
struct Ways {
    publish: String,
    confirm: String,
    untrusted: String,
}

// === impl Ways ===

impl Ways {
    fn told(&self, place: String, asked: &Asked, now: SystemTime) -> Told {
        let (step, safe_at) = match asked {
            Asked::Step(step, _) => (Some(*step), None),
            Asked::Untrusted => (None, None),
            Asked::Bundles(until) | Asked::Leaves(until) => (None, Some(*until)),
        };
        let safe_at = safe_at.map(|moment| Moment::from(moment).rfc3339());
        Told { place, step, safe_at, message: self.message(asked, now) }
    }

    fn message(&self, asked: &Asked, now: SystemTime) -> String {
        match asked {
            Asked::Step(Step::Publish, _) => {
                format!("a next CA is published, which signs nothing yet; {}", self.publish)
            }
            Asked::Step(Step::Confirm, _) => format!("everybody trusts the next CA; {}", self.confirm),
            Asked::Step(Step::Switch, _) => {
                "the next CA signs now; the former one is trusted until nothing that it signed can be in use"
                    .into()
            }
            Asked::Step(Step::Shrink, _) => "the former CA is trusted no more; the rotation is over".into(),
            Asked::Step(Step::Replace, _) => {
                format!("the CA had expired, and another one signs now; {}", self.publish)
            }
            Asked::Untrusted => {
                format!("not yet: somebody does not trust the next CA; {}, or --force", self.untrusted)
            }
            Asked::Bundles(until) => format!(
                "not yet: for {} a client may go on with a caBundle that has not the next CA; ask again after {}, or \
                 --force",
                rest(*until, now),
                Moment::from(*until)
            ),
            Asked::Leaves(until) => format!(
                "not yet: for {} a certificate of the former CA may be in use, so that it stays trusted; ask again after \
                 {}, or --force",
                rest(*until, now),
                Moment::from(*until)
            ),
        }
    }
}

/// As clap wants it.
fn wait(text: &str) -> Result<Duration, String> {
    let wait = Span::parse(text)?;
    if wait > LONGEST_WAIT {
        return Err(format!(
            "`{text}` is too long; give at most {}",
            humantime::format_duration(LONGEST_WAIT)
        ));
    }
    Ok(wait)
}

fn rest(until: SystemTime, now: SystemTime) -> String {
    left(until.duration_since(now).unwrap_or_default())
}
