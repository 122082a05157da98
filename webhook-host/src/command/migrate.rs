//! `ordinance migrate`: the plan that gives each ordinal its own directory of files that the replicas share already.

mod cluster;

use super::cluster_args::ReadClusterArgs;
use super::exit::Exit;
use super::output::{CommonArgs, print, warn};
use super::policies;
use crate::config::{InputError, NAMESPACE, PolicyArgs, State, namespace};
use crate::limits::Limits;
use anyhow::Result;
use clap::{Args, ValueEnum};
use ordinance_contract::Scope;
use ordinance_manifests::Manifest;
use ordinance_map::MappedObject;
use ordinance_migration::{Plan, PlanOptions};
use ordinance_report::{plain_json, plain_lines};

/// What the kinds of a StatefulSet's name are called on the command line of kubectl.
const KINDS: [&str; 4] = ["statefulset", "statefulsets", "sts", "statefulset.apps"];

/// Plan how a StatefulSet gets a directory per ordinal for files that its replicas share already
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance migrate web -n shop
  ordinance migrate web -n shop --output script > migrate.sh
  ordinance migrate web -n shop --owner 0
  ordinance migrate shop --state deploy/ --output yaml
  kubectl get statefulsets,pvc,pv,pods -A -o yaml | ordinance migrate web -n shop --state -

The command only reads, and prints a plan in which every file is kept: each ordinal gets a copy
that is compared with the originals, and the originals stay. Without --yes the script only checks.

Exit codes: 0 a plan, or nothing to migrate, 2 there is no plan, 64 bad usage.")]
pub(super) struct MigrateArgs {
    /// The StatefulSet, as NAME or statefulset/NAME
    #[arg(value_name = "SET", value_parser = set_name)]
    set: String,
    /// The namespace of the set, and of objects that name none
    #[arg(short, long, value_name = "NAME", default_value = NAMESPACE, value_parser = namespace, env = "ORDINANCE_NAMESPACE", hide_env = true)]
    namespace: String,
    /// The output format
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: PlanFormat,
    /// The only ordinal that gets the files [default: each gets a copy]
    #[arg(long, value_name = "ORDINAL", env = "ORDINANCE_OWNER", hide_env = true)]
    owner: Option<u64>,
    /// The directory of the volume for the ordinals' directories [default: the volume's root]
    #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
    #[arg(env = "ORDINANCE_PREFIX", hide_env = true)]
    prefix: String,
    /// An entry of the volume's root that is not copied, e.g. .snapshot; may be repeated
    #[arg(long, value_name = "NAME", env = "ORDINANCE_EXCLUDE", hide_env = true)]
    exclude: Vec<String>,
    /// A volume or claim template to migrate; may be repeated [default: all that the replicas share]
    #[arg(long, value_name = "NAME", env = "ORDINANCE_VOLUME", hide_env = true)]
    volume: Vec<String>,
    /// The number of replicas, if the set is scaled to 0 already
    #[arg(long, value_name = "N", env = "ORDINANCE_REPLICAS", hide_env = true)]
    replicas: Option<u64>,
    /// The image of the Jobs, which needs the programs of busybox
    #[arg(long, value_name = "IMAGE", default_value = PlanOptions::IMAGE, env = "ORDINANCE_IMAGE", hide_env = true)]
    image: String,
    /// Run the Jobs as the user of the set's pods instead of root
    #[arg(long, env = "ORDINANCE_AS_POD", hide_env = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    as_pod: bool,
    #[command(flatten)]
    cluster: ReadClusterArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// The output format of a plan.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum PlanFormat {
    /// The steps, and why each
    #[default]
    Text,
    /// A shell script with the steps
    Script,
    /// The Jobs and the set as manifests
    Yaml,
    /// The plan as data, with all Jobs and the script
    Json,
}

pub(super) fn run(args: &MigrateArgs, common: CommonArgs) -> Result<Exit> {
    let objects = args.objects()?;
    let plan = plan(args, &objects)?;
    if !matches!(args.output, PlanFormat::Text | PlanFormat::Json) {
        report_beside(&plan, common);
    }
    let text = match args.output {
        // The plan has only plain names of the set, but reasons and warnings name other objects.
        PlanFormat::Text => plain_lines(&plan.text()),
        PlanFormat::Json => plain_json(plan.json()?),
        _ if plan.is_empty() => String::new(),
        PlanFormat::Script => plan.script(),
        PlanFormat::Yaml => plan.manifests()?,
    };
    print(text.as_bytes())?;
    Ok(Exit::Success)
}

fn plan(args: &MigrateArgs, objects: &[Manifest]) -> Result<Plan> {
    let policy = policies::with_existing(&args.policy, &Limits::default(), &[])?;
    let policy = policy.admission.policy();
    let keys = |scope: &Scope<'_>, object: &str| policy.readable_keys(scope, object);
    let mapped: Vec<MappedObject<'_>> =
        objects.iter().map(|object| MappedObject::new(object.scope.borrowed(), &*object.json)).collect();
    Ok(Plan::new(&mapped, &args.namespace, &args.set, &keys, args.options())?)
}

/// Prints what a script or a manifest has no place for to stderr.
fn report_beside(plan: &Plan, common: CommonArgs) {
    if common.quiet {
        return;
    }
    if plan.is_empty() {
        warn(&format!("StatefulSet {}/{}: nothing to migrate", plan.namespace, plan.stateful_set));
    }
    for warning in &plan.warnings {
        warn(warning);
    }
}

fn set_name(text: &str) -> Result<String, String> {
    let name = match text.split_once('/') {
        None => text,
        Some((kind, name)) if KINDS.contains(&kind) => name,
        Some((kind, _)) => return Err(format!("{kind} is no StatefulSet; write NAME or statefulset/NAME")),
    };
    if name.is_empty() || name.contains('/') {
        return Err("write NAME or statefulset/NAME".to_owned());
    }
    Ok(name.to_owned())
}

// === impl MigrateArgs ===

impl MigrateArgs {
    /// Returns why these arguments can't be combined.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        let is_twofold = !self.policy.state.is_empty() && self.cluster.is_given();
        is_twofold.then_some("--kubeconfig and --state are two sources of objects: give one")
    }

    /// Returns the objects of `--state`, else those of the cluster.
    fn objects(&self) -> Result<Vec<Manifest>, InputError> {
        if self.policy.state.is_empty() {
            cluster::objects(&self.cluster, &self.namespace)
        } else {
            State::read(&self.policy.state, &self.namespace).into_objects()
        }
    }

    fn options(&self) -> PlanOptions {
        PlanOptions {
            image: self.image.clone(),
            prefix: self.prefix.trim_matches('/').to_owned(),
            excluded: self.exclude.clone(),
            owner: self.owner,
            replicas: self.replicas,
            volumes: self.volume.clone(),
            as_pod: self.as_pod,
            kubectl: self.cluster.kubectl_flags(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_named_as_for_kubectl() {
        for text in ["web", "statefulset/web", "sts/web", "statefulset.apps/web"] {
            assert_eq!(set_name(text).as_deref(), Ok("web"), "{text}");
        }
        for text in ["", "deployment/web", "statefulset/", "statefulset/a/b"] {
            assert!(set_name(text).is_err(), "{text}");
        }
    }
}
