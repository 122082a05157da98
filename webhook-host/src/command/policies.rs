//! From what a command line says of a policy to one that runs: the engine's own limits, everywhere.

use super::{PolicyArgs, output};
use crate::admission::{Admission, LeftOut};
use crate::clock::Clock;
use crate::cluster::{self, Freshness};
use crate::config::{Fault, NAMESPACE, PolicyConfig, existing, settings};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::review::OnError;
use anyhow::{Context, Result};
use ordinance_contract::Problem;
use ordinance_engine::{self as engine, Engine, LoadError, Policy};
use ordinance_manifests::Manifest;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

/// Who a policy is.
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) version: String,
    /// SHA-256 of the component, in hexadecimal.
    pub(super) digest: String,
}

/// A policy in its place, ready to judge.
pub(super) struct Judged {
    /// Its place in paths.
    pub(super) name: String,
    pub(super) judge: Arc<Admission>,
    /// What exists, but can't be read by the policy.
    pub(super) left_out: Vec<LeftOut>,
    pub(super) on_error: OnError,
}

// === impl Judged ===

impl Judged {
    /// The same policy with a memory that begins again with what exists.
    pub(super) fn anew(&self, state: &[Manifest]) -> Result<Self> {
        judged(self.name.clone(), self.judge.anew(), self.on_error, state)
    }

    /// Says what exists, but can't be read by the policy.
    pub(super) fn tell_left_out(&self) {
        for LeftOut { object, reason } in &self.left_out {
            output::note(&format!(
                "{} {} exists, but can't be read by the policy: {reason}",
                object.resource, object.name
            ));
        }
    }
}

/// All policies of a configuration, each with a memory of its own that begins with what exists.
pub(super) fn all(
    policies: &[PolicyConfig],
    state: &[Manifest],
    limits: &Limits,
    metrics: &Metrics,
) -> Result<Vec<Judged>> {
    let place = |(config, policy): (&PolicyConfig, Policy)| {
        let (name, admission) = named(config, policy, limits, metrics);
        judged(name, admission, config.on_error, state)
    };
    policies.iter().zip(loaded(policies, limits)?).map(place).collect()
}

/// All policies of a configuration, each with a memory of its own that follows a cluster; and how current they are.
pub(super) fn following(
    policies: &[PolicyConfig],
    limits: &Limits,
    metrics: &Metrics,
) -> Result<(Vec<Judged>, Arc<Freshness>)> {
    let loaded = loaded(policies, limits)?;
    let clock = Clock::default();
    let watches = cluster::watches(loaded.iter().flat_map(|policy| &policy.description().watches));
    let freshness = Arc::new(Freshness::new(watches, limits.index_staleness, clock.clone(), metrics));
    let place = |(config, policy): (&PolicyConfig, Policy)| {
        let (name, admission) = named(config, policy, limits, metrics);
        let admission = admission.following(freshness.clone(), clock.clone(), limits.pending_time);
        judged(name, admission, config.on_error, &[])
    };
    let judged = policies.iter().zip(loaded).map(place).collect::<Result<_>>()?;
    Ok((judged, freshness))
}

/// A policy's place in paths, and its memory, which metrics show under that name.
fn named(config: &PolicyConfig, policy: Policy, limits: &Limits, metrics: &Metrics) -> (String, Admission) {
    let name = config.name.clone().unwrap_or_else(|| policy.description().name.clone());
    let admission = Admission::new(policy, limits).shown_by(metrics.index(&name));
    (name, admission)
}

fn loaded(policies: &[PolicyConfig], limits: &Limits) -> Result<Vec<Policy>> {
    let engine = Engine::new(limits.engine())?;
    policies.iter().map(|config| Ok(load(&engine, config)?)).collect()
}

/// The one policy that flags choose, over what `--state` names.
pub(super) fn only(args: &PolicyArgs, limits: &Limits) -> Result<Judged> {
    over(args, limits, &existing(&args.state, NAMESPACE)?)
}

/// The one policy that flags choose, over what exists.
pub(super) fn over(args: &PolicyArgs, limits: &Limits, state: &[Manifest]) -> Result<Judged> {
    let config = PolicyConfig {
        settings: args.settings.as_deref().map_or_else(|| Ok(String::new()), settings)?,
        settings_place: args.settings.as_deref().map_or_else(String::new, |path| path.display().to_string()),
        ..PolicyConfig::of(args.policy.as_deref())
    };
    let policy = load(&Engine::new(limits.engine())?, &config)?;
    let name = policy.description().name.clone();
    judged(name, Admission::new(policy, limits), config.on_error, state)
}

/// What may stand in a policy's settings.
pub(super) fn settings_schema(component: Option<&Path>) -> Result<Value> {
    let policy = load(&Engine::new(Limits::default().engine())?, &PolicyConfig::of(component))?;
    serde_json::from_str(&policy.description().settings_schema)
        .with_context(|| format!("policy {}: its schema of settings is not JSON", policy.description().name))
}

/// Name, version and digest.
pub(super) fn identity(component: Option<&Path>) -> Result<Identity> {
    let policy = load(&Engine::new(Limits::default().engine())?, &PolicyConfig::of(component))?;
    let digest = match component {
        Some(path) => Sha256::digest(std::fs::read(path).map_err(|error| Fault::of_file(path, error))?),
        None => Sha256::digest(ordinance_engine::builtin::COMPONENT),
    };
    let description = policy.description();
    Ok(Identity {
        name: description.name.clone(),
        version: description.version.clone(),
        digest: format!("{digest:x}"),
    })
}

fn load(engine: &Engine, config: &PolicyConfig) -> Result<Policy, Fault> {
    let loaded = match &config.component {
        Some(path) => Policy::load(engine, path, &config.settings),
        None => Policy::built_in(engine, &config.settings),
    };
    loaded.map_err(|error| match error {
        LoadError { fault: engine::Fault::Settings(problems), .. } => unusable(config, &problems),
        other => Fault::new(&config.component_place, other),
    })
}

/// All problems of settings in one line, at the place where they stand.
fn unusable(config: &PolicyConfig, problems: &[Problem]) -> Fault {
    let lines: Vec<String> = problems
        .iter()
        .map(
            |Problem { field, message }| {
                if field.is_empty() { message.clone() } else { format!("{field}: {message}") }
            },
        )
        .collect();
    let way_out = "`ordinance schema settings` prints what may stand there";
    Fault::new(&config.settings_place, format_args!("{}; {way_out}", lines.join("; ")))
}

/// A policy that remembers what exists.
fn judged(name: String, admission: Admission, on_error: OnError, state: &[Manifest]) -> Result<Judged> {
    let objects = state.iter().map(|object| (object.scope.clone(), object.json.as_str()));
    let left_out = admission.fill(objects).context("--state")?;
    Ok(Judged { name, judge: Arc::new(admission), left_out, on_error })
}
