//! Loads the configured policies, with the same engine limits for every command.

use super::output;
use crate::admission::{Admission, UnreadableObject};
use crate::clock::Clock;
use crate::cluster::{AuditedPolicy, WatchSet, merged_watches};
use crate::config::{
    InputError, NAMESPACE, PolicyArgs, PolicyComponentArgs, PolicyConfig, State, WasiArgs, settings,
};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::review::OnError;
use anyhow::{Context, Result};
use ordinance_audit::EnforcedSettings;
use ordinance_contract::{Description, Problem, Scope};
use ordinance_engine::builtin::COMPONENT;
use ordinance_engine::{
    ArtefactCache, Engine, EngineError, LoadError, LoadErrorKind, Policy, component_bytes,
};
use ordinance_manifests::{Manifest, Region, region};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name and version of a policy.
pub(super) struct PolicyIdentity {
    pub(super) name: String,
    pub(super) version: String,
    /// SHA-256 of the component, in hexadecimal.
    pub(super) digest: String,
}

/// A loaded policy with its index.
pub(super) struct ServedPolicy {
    /// The policy's name in URL paths.
    pub(super) name: String,
    pub(super) admission: Arc<Admission>,
    /// The existing objects that the policy can't read.
    pub(super) unreadable: Vec<UnreadableObject>,
    pub(super) on_error: OnError,
}

/// Whether the policies of a server are audited, so that they are also loaded as they enforce their rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auditing {
    /// They are.
    On,
    /// They are not.
    Off,
}

/// A policy as it enforces its rules, of a command or of a server.
pub(super) enum Enforcing<T = ServedPolicy> {
    /// It does so with its own settings.
    AsConfigured,
    /// It does so with other settings.
    With(T),
    /// Its settings have no such mode.
    Unknown,
}

/// Names the directory of compiled components; empty for none.
const CACHE_VARIABLE: &str = "ORDINANCE_CACHE_DIR";

/// The mode in which a policy enforces its rules.
const ENFORCE: &str = "Enforce";

// === impl ServedPolicy ===

impl ServedPolicy {
    /// Returns the same policy with an index of only the existing objects.
    pub(super) fn reset(&self, existing: &[Manifest]) -> Result<Self> {
        served(self.name.clone(), self.admission.with_empty_memory(), self.on_error, existing)
    }

    /// Warns of the existing objects that the policy can't read.
    pub(super) fn warn_of_unreadable(&self) {
        for UnreadableObject { object, reason } in &self.unreadable {
            output::warn(&format!(
                "the policy can't read the existing {} {}: {reason}",
                object.resource, object.name
            ));
        }
    }
}

/// Loads all policies of a configuration, each with an index of the existing objects.
pub(super) fn all(
    policies: &[PolicyConfig],
    existing: &[Manifest],
    engine: &Engine,
    limits: &Limits,
    metrics: &Metrics,
) -> Result<Vec<ServedPolicy>> {
    let serve = |(config, policy): (&PolicyConfig, Policy)| {
        let (name, admission) = named_admission(config, policy, limits, metrics);
        served(name, admission, config.on_error, existing)
    };
    policies.iter().zip(loaded(engine, policies)?).map(serve).collect()
}

/// Loads all policies of a configuration, each with an index that follows a cluster. Returns the states of the watches
/// too, which have not started yet, and the policies of the audit.
pub(super) fn with_cluster(
    policies: &[PolicyConfig],
    engine: &Engine,
    limits: &Limits,
    metrics: &Metrics,
    auditing: Auditing,
) -> Result<(Vec<ServedPolicy>, Arc<WatchSet>, Vec<AuditedPolicy>)> {
    let loaded = loaded(engine, policies)?;
    let clock = Clock::default();
    let watches = merged_watches(loaded.iter().flat_map(|policy| &policy.description().watches));
    let watches = Arc::new(WatchSet::new(watches, limits.index_staleness, clock.clone(), metrics));
    let serve = |(config, policy): (&PolicyConfig, Policy)| {
        let (name, admission) = named_admission(config, policy, limits, metrics);
        let admission = admission.with_cluster(watches.clone(), clock.clone(), limits.pending_time);
        served(name, admission, config.on_error, &[])
    };
    let served: Vec<ServedPolicy> = policies.iter().zip(loaded).map(serve).collect::<Result<_>>()?;
    let audited = match auditing {
        Auditing::On => {
            let audit = |(config, policy)| audited(engine, config, policy, limits, metrics);
            policies.iter().zip(&served).map(audit).collect::<Result<_>>()?
        }
        Auditing::Off => Vec::new(),
    };
    Ok((served, watches, audited))
}

/// Returns a policy of a server for its audit.
fn audited(
    engine: &Engine,
    config: &PolicyConfig,
    served: &ServedPolicy,
    limits: &Limits,
    metrics: &Metrics,
) -> Result<AuditedPolicy> {
    let (enforcing, settings) = match load_enforcing(engine, config, served.admission.policy().description())?
    {
        Enforcing::With(policy) => (Some(Arc::new(policy)), EnforcedSettings::EnforceMode),
        Enforcing::AsConfigured => (None, EnforcedSettings::EnforceMode),
        Enforcing::Unknown => (None, EnforcedSettings::AsConfigured),
    };
    let (admission, route) = (&served.admission, metrics.route(&served.name));
    Ok(AuditedPolicy::new(&served.name, admission, enforcing, settings, limits.deadline, route))
}

/// Returns a policy's name in URL paths, and its admission with the metrics of that name.
fn named_admission(
    config: &PolicyConfig,
    policy: Policy,
    limits: &Limits,
    metrics: &Metrics,
) -> (String, Admission) {
    let name = config.name.clone().unwrap_or_else(|| policy.description().name.clone());
    let admission = Admission::new(policy, limits).with_metrics(metrics.index(&name));
    (name, admission)
}

fn loaded(engine: &Engine, policies: &[PolicyConfig]) -> Result<Vec<Policy>> {
    policies.iter().map(|config| Ok(load(engine, config)?)).collect()
}

/// Loads the policy of the flags, with the objects of `--state` in its index.
pub(super) fn from_flags(args: &PolicyArgs, limits: &Limits) -> Result<ServedPolicy> {
    with_existing(args, limits, &State::read(&args.state, NAMESPACE).into_objects()?)
}

/// Loads the policy of the flags, with the existing objects in its index.
pub(super) fn with_existing(
    args: &PolicyArgs,
    limits: &Limits,
    existing: &[Manifest],
) -> Result<ServedPolicy> {
    let (name, admission, on_error) = admission_of(args, &engine(limits)?, limits)?;
    served(name, admission, on_error, existing)
}

/// Loads the policy as [`from_flags`] does, so that its reviews count fuel.
pub(super) fn metered(args: &PolicyArgs, limits: &Limits) -> Result<ServedPolicy> {
    metered_with_existing(args, limits, &State::read(&args.state, NAMESPACE).into_objects()?)
}

/// Loads the policy as [`with_existing`] does, so that its reviews count fuel.
pub(super) fn metered_with_existing(
    args: &PolicyArgs,
    limits: &Limits,
    existing: &[Manifest],
) -> Result<ServedPolicy> {
    let (name, admission, on_error) = admission_of(args, &metered_engine(limits)?, limits)?;
    served(name, admission, on_error, existing)
}

/// Loads the policy of the flags for an audit, with the existing objects in its index.
pub(super) fn for_audit(args: &PolicyArgs, limits: &Limits, existing: &[Manifest]) -> Result<ServedPolicy> {
    let (name, admission, on_error) = admission_of(args, &engine(limits)?, limits)?;
    served(name, admission.with_summaries(), on_error, existing)
}

fn admission_of(args: &PolicyArgs, engine: &Engine, limits: &Limits) -> Result<(String, Admission, OnError)> {
    let config = config_of(args)?;
    let policy = load(engine, &config)?;
    let name = policy.description().name.clone();
    Ok((name, Admission::new(policy, limits), config.on_error))
}

/// Returns the policy of the flags as it enforces its rules, for an audit, with the existing objects in its index.
pub(super) fn enforcing(
    args: &PolicyArgs,
    limits: &Limits,
    configured: &ServedPolicy,
    existing: &[Manifest],
) -> Result<Enforcing> {
    let (engine, config) = (engine(limits)?, config_of(args)?);
    let policy = match load_enforcing(&engine, &config, configured.admission.policy().description())? {
        Enforcing::With(policy) => policy,
        Enforcing::AsConfigured => return Ok(Enforcing::AsConfigured),
        Enforcing::Unknown => return Ok(Enforcing::Unknown),
    };
    let admission = Admission::new(policy, limits).with_summaries();
    served(configured.name.clone(), admission, config.on_error, existing).map(Enforcing::With)
}

/// Loads a policy as it enforces its rules.
///
/// The contract knows no modes; a policy has one that enforces if its settings have a field `mode` that may be `Enforce`.
fn load_enforcing(
    engine: &Engine,
    config: &PolicyConfig,
    description: &Description,
) -> Result<Enforcing<Policy>> {
    let schema: Value = serde_json::from_str(&description.settings_schema).unwrap_or_default();
    let Some(mode) = schema.pointer("/properties/mode") else { return Ok(Enforcing::Unknown) };
    let mut settings: Map<String, Value> = serde_json::from_str(&config.settings).unwrap_or_default();
    if settings.get("mode").or_else(|| mode.get("default")).is_some_and(|mode| mode == ENFORCE) {
        return Ok(Enforcing::AsConfigured);
    }
    settings.insert("mode".to_owned(), ENFORCE.into());
    let config = PolicyConfig { settings: Value::Object(settings).to_string(), ..config.clone() };
    match load_policy(engine, &config) {
        Ok(policy) => Ok(Enforcing::With(policy)),
        Err(LoadError { kind: LoadErrorKind::Settings(_), .. }) => Ok(Enforcing::Unknown),
        Err(error) => Err(InputError::new(&config.component_place, error).into()),
    }
}

/// Returns the configuration of the policy that the flags name.
fn config_of(args: &PolicyArgs) -> Result<PolicyConfig, InputError> {
    let file = args.settings.as_deref().map(settings).transpose()?.unwrap_or_default();
    Ok(PolicyConfig {
        settings: file.json,
        settings_text: file.text,
        settings_place: args.settings.as_deref().map_or_else(String::new, |path| path.display().to_string()),
        ..PolicyConfig::of(&args.component)
    })
}

/// Loads policies with their default settings; without a component the built-in policy.
pub(super) fn with_default_settings(components: &[PathBuf], wasi: WasiArgs) -> Result<Vec<Policy>> {
    let config = |policy| PolicyConfig::of(&PolicyComponentArgs { policy, wasi });
    let configs: Vec<PolicyConfig> = match components {
        [] => vec![config(None)],
        _ => components.iter().map(|path| config(Some(path.clone()))).collect(),
    };
    loaded(&engine(&Limits::default())?, &configs)
}

/// Loads one policy with its default settings into an engine that counts fuel; without a component the built-in policy.
pub(super) fn metered_component(component: &PolicyComponentArgs, limits: &Limits) -> Result<Policy> {
    Ok(load(&metered_engine(limits)?, &PolicyConfig::of(component))?)
}

/// Loads one policy with its default settings, and returns its description.
pub(super) fn description(component: &PolicyComponentArgs) -> Result<Description> {
    let policy = load(&engine(&Limits::default())?, &PolicyConfig::of(component))?;
    Ok(policy.description().clone())
}

/// Returns the JSON Schema of a policy's settings.
pub(super) fn settings_schema(component: &PolicyComponentArgs) -> Result<Value> {
    settings_schema_of(&description(component)?)
}

/// Returns the JSON Schema of the settings that a description has.
pub(super) fn settings_schema_of(description: &Description) -> Result<Value> {
    let Description { name, settings_schema, .. } = description;
    serde_json::from_str(settings_schema)
        .with_context(|| format!("policy {name}: the schema of its settings is not JSON"))
}

/// Loads a policy and returns its name, version and digest.
pub(super) fn identity(component: &PolicyComponentArgs) -> Result<PolicyIdentity> {
    let Description { name, version, .. } = description(component)?;
    Ok(PolicyIdentity { name, version, digest: digest(&component_of(component.policy.as_deref())?) })
}

/// Returns the component in a file, or the built-in one.
pub(super) fn component_of(file: Option<&Path>) -> Result<Cow<'static, [u8]>, InputError> {
    let Some(path) = file else { return Ok(Cow::Borrowed(COMPONENT)) };
    let bytes = component_bytes(path);
    bytes
        .map(Cow::Owned)
        .map_err(|error| InputError::of_file(path, format_args!("{error}; give the file of a component")))
}

/// Returns the SHA-256 of a component, in hexadecimal.
pub(super) fn digest(component: &[u8]) -> String {
    format!("{:x}", Sha256::digest(component))
}

/// Starts the engine of an offline command, which keeps what it compiles.
pub(super) fn engine(limits: &Limits) -> Result<Engine, EngineError> {
    Engine::new(limits.engine()).map(cached)
}

/// Starts the engine of an offline command that counts fuel.
fn metered_engine(limits: &Limits) -> Result<Engine, EngineError> {
    Engine::metered(limits.engine()).map(cached)
}

/// Starts the engine of a server, which keeps what it compiles only in a directory that the configuration names.
pub(super) fn server_engine(limits: &Limits, cache: Option<&Path>) -> Result<Engine, EngineError> {
    let engine = Engine::new(limits.engine())?;
    let Some(directory) = cache else { return Ok(engine) };
    let cache = ArtefactCache::open(directory);
    if let Err(error) = &cache {
        tracing::warn!(directory = %directory.display(), %error, "compiled components are not kept");
    }
    Ok(engine.with_cache(cache.ok()))
}

/// Gives an engine the cache of compiled components: `$ORDINANCE_CACHE_DIR`, else below the user's own cache directory. Without one, the
/// engine compiles every component again.
fn cached(engine: Engine) -> Engine {
    let Some(variable) = std::env::var_os(CACHE_VARIABLE).map(PathBuf::from) else {
        // The user has not asked for a cache, so a missing one is no problem to report.
        return engine
            .with_cache(cache_directory().and_then(|directory| ArtefactCache::open(&directory).ok()));
    };
    if variable.as_os_str().is_empty() {
        return engine;
    }
    let cache = ArtefactCache::open(&variable);
    if let Err(error) = &cache {
        let directory = variable.display();
        output::warn(&format!("{CACHE_VARIABLE}: compiled components are not kept in {directory}: {error}"));
    }
    engine.with_cache(cache.ok())
}

/// Returns the directory of the XDG Base Directory Specification.
fn cache_directory() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("ordinance/components"))
}

fn load(engine: &Engine, config: &PolicyConfig) -> Result<Policy, InputError> {
    load_policy(engine, config).map_err(|error| match error {
        LoadError { kind: LoadErrorKind::Settings(problems), .. } => settings_error(config, &problems),
        other => InputError::new(&config.component_place, other),
    })
}

fn load_policy(engine: &Engine, config: &PolicyConfig) -> Result<Policy, LoadError> {
    match &config.component {
        Some(path) => Policy::load_with(engine, path, &config.settings, config.wasi),
        None => Policy::built_in(engine, &config.settings),
    }
}

/// Returns all problems of a policy's settings as one error, each with its line in the settings' file.
fn settings_error(config: &PolicyConfig, problems: &[Problem]) -> InputError {
    let lines: Vec<String> = problems.iter().map(|problem| settings_problem(config, problem)).collect();
    let policy = config.component.as_deref().map(|path| format!(" --policy {}", path.display()));
    let policy = policy.unwrap_or_default();
    let remedy = format!("`ordinance schema settings{policy}` prints the valid settings");
    InputError::new(&config.settings_place, format_args!("{}; {remedy}", lines.join("; ")))
}

fn settings_problem(config: &PolicyConfig, Problem { field, message }: &Problem) -> String {
    match (field.as_str(), position(config, field)) {
        ("", _) => message.clone(),
        (field, None) => format!("{field}: {message}"),
        (field, Some(Region { line, column, .. })) => {
            format!("line {line}, column {column}: {field}: {message}")
        }
    }
}

/// Returns where a setting is in the settings' file, if it is written there.
fn position(config: &PolicyConfig, field: &str) -> Option<Region> {
    let text = &config.settings_text;
    let settings = Manifest {
        scope: Scope::default(),
        kind: String::new(),
        json: if config.settings_field.is_empty() { config.settings.clone() } else { String::new() },
        line: 1,
        column: 1,
        bytes: 0..text.len(),
    };
    let field = match &*config.settings_field {
        "" => Cow::Borrowed(field),
        within => Cow::Owned(format!("{within}.{field}")),
    };
    Some(region(text, &settings, &field)).filter(|found| found.is_whole)
}

/// Enters the existing objects into the policy's index.
fn served(
    name: String,
    admission: Admission,
    on_error: OnError,
    existing: &[Manifest],
) -> Result<ServedPolicy> {
    let objects = existing.iter().map(|object| (object.scope.clone(), object.json.as_str()));
    let unreadable = admission.fill(objects).context("--state")?;
    Ok(ServedPolicy { name, admission: Arc::new(admission), unreadable, on_error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(file: Option<&str>) -> PolicyComponentArgs {
        PolicyComponentArgs { policy: file.map(PathBuf::from), ..PolicyComponentArgs::default() }
    }

    fn problem(field: &str) -> Problem {
        Problem { field: field.to_owned(), message: "is wrong".to_owned() }
    }

    #[test]
    fn invalid_settings_have_their_lines_and_the_hint_names_the_policy() {
        let text = "# settings\nmode: Never\nhosts:\n- name: a\n- name: b\n";
        let json = r#"{"mode":"Never","hosts":[{"name":"a"},{"name":"b"}]}"#;
        let config = PolicyConfig {
            settings: json.to_owned(),
            settings_text: text.to_owned(),
            settings_place: "s.yaml".to_owned(),
            ..PolicyConfig::of(&component(Some("mine.wasm")))
        };
        let problems = [problem("mode"), problem("hosts[1].name"), problem("missing"), problem("")];
        assert_eq!(
            settings_error(&config, &problems).to_string(),
            "s.yaml: line 2, column 1: mode: is wrong; line 5, column 3: hosts[1].name: is wrong; \
             missing: is wrong; is wrong; \
             `ordinance schema settings --policy mine.wasm` prints the valid settings"
        );
        let inline = PolicyConfig { settings: json.to_owned(), ..PolicyConfig::of(&component(None)) };
        assert_eq!(
            settings_error(&inline, &[problem("mode")]).to_string(),
            "--settings: mode: is wrong; `ordinance schema settings` prints the valid settings"
        );
    }
}
