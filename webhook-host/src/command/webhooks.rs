//! `ordinance webhooks`: the webhook configurations and RBAC rules that policies need.

use super::exit::Exit;
use super::output::print;
use super::policies;
use crate::audit::{AuditedResource, audited_resources};
use crate::config::WasiArgs;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use clap::builder::BoolishValueParser;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference,
    ValidatingWebhook, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use ordinance_contract::{Phase, ReviewScope, Watch};
use ordinance_engine::{Policy, is_label};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The name of both configurations and of the role.
const NAME: &str = "ordinance";

/// The suffix of a webhook's name, which has to be a domain.
const DOMAIN: &str = "ordinance.dev";

/// The timeout of a call of the API server, in seconds.
const TIMEOUT: i32 = 5;

/// The namespaces that no webhook receives requests from, besides that of the Service, so that the cluster can repair itself.
const EXCLUDED: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// The groups with reports on objects, and their resources.
const REPORTS: [(&str, [&str; 2]); 2] = [
    ("openreports.io", ["clusterreports", "reports"]),
    ("wgpolicyk8s.io", ["clusterpolicyreports", "policyreports"]),
];

/// Print the webhook configurations and RBAC rules for policies
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance webhooks
  ordinance webhooks --service webhooks/ordinance | kubectl apply --dry-run=server -f -
  ordinance webhooks --policy mine.wasm --policy other.wasm > webhooks.yaml

The output has no caBundle: a self-managed certificate, cert-manager or `ordinance certs` supplies it.")]
pub(super) struct WebhooksArgs {
    /// A policy as a Wasm component; may be repeated; without it the built-in `storage`
    #[arg(long, value_name = "FILE", env = "ORDINANCE_POLICY", hide_env = true)]
    policy: Vec<PathBuf>,
    #[command(flatten)]
    wasi: WasiArgs,
    /// The Service in front of the host, as namespace/name
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "ordinance-system/ordinance")]
    #[arg(env = "ORDINANCE_SERVICE", hide_env = true)]
    service: ServiceName,
    /// Allow the host to write Events, as `ordinance serve --events` does
    #[arg(long, env = "ORDINANCE_EVENTS", hide_env = true, value_parser = BoolishValueParser::new())]
    events: bool,
}

/// The Service that the API server calls.
#[derive(Clone, Debug)]
struct ServiceName {
    namespace: String,
    name: String,
}

pub(super) fn run(args: &WebhooksArgs) -> Result<Exit> {
    let policies = policies::with_default_settings(&args.policy, args.wasi)?;
    ensure_different_names(&policies, &args.policy)?;
    let documents = [
        yaml(&mutating(&policies, &args.service))?,
        yaml(&validating(&policies, &args.service))?,
        yaml(&role(&policies, args.events))?,
    ];
    print(documents.join("---\n").as_bytes())?;
    Ok(Exit::Success)
}

/// Ensures that no two policies have the same name, which is their path below `/mutate` and `/validate`.
fn ensure_different_names(policies: &[Policy], files: &[PathBuf]) -> Result<()> {
    let mut seen: BTreeMap<&str, &Path> = BTreeMap::new();
    for (policy, file) in policies.iter().zip(files) {
        let name = &*policy.description().name;
        if let Some(other) = seen.insert(name, file) {
            let (other, file) = (other.display(), file.display());
            bail!("--policy {other} and --policy {file} are both named {name:?}: give each policy once");
        }
    }
    Ok(())
}

fn yaml(object: &impl Serialize) -> Result<String> {
    serde_saphyr::to_string(object).context("the configuration cannot be written as YAML")
}

fn mutating(policies: &[Policy], service: &ServiceName) -> MutatingWebhookConfiguration {
    let webhook = |(name, policy, scope): (String, &str, &ReviewScope)| MutatingWebhook {
        name,
        admission_review_versions: vec!["v1".to_owned()],
        client_config: service.client_config(Phase::Mutate, policy),
        rules: Some(vec![rule(scope)]),
        failure_policy: Some(scope.failure_policy.word().to_owned()),
        match_policy: Some("Equivalent".to_owned()),
        side_effects: "None".to_owned(),
        timeout_seconds: Some(TIMEOUT),
        reinvocation_policy: Some("IfNeeded".to_owned()),
        namespace_selector: service.namespace_selector(scope),
        match_conditions: conditions(scope),
        ..MutatingWebhook::default()
    };
    MutatingWebhookConfiguration {
        metadata: metadata(),
        webhooks: Some(scopes(policies, Phase::Mutate).map(webhook).collect()),
    }
}

fn validating(policies: &[Policy], service: &ServiceName) -> ValidatingWebhookConfiguration {
    let webhook = |(name, policy, scope): (String, &str, &ReviewScope)| ValidatingWebhook {
        name,
        admission_review_versions: vec!["v1".to_owned()],
        client_config: service.client_config(Phase::Validate, policy),
        rules: Some(vec![rule(scope)]),
        failure_policy: Some(scope.failure_policy.word().to_owned()),
        match_policy: Some("Equivalent".to_owned()),
        // An admitted object is indexed, but not on a dry run.
        side_effects: "NoneOnDryRun".to_owned(),
        timeout_seconds: Some(TIMEOUT),
        namespace_selector: service.namespace_selector(scope),
        match_conditions: conditions(scope),
        ..ValidatingWebhook::default()
    };
    ValidatingWebhookConfiguration {
        metadata: metadata(),
        webhooks: Some(scopes(policies, Phase::Validate).map(webhook).collect()),
    }
}

/// Returns the review scopes of a phase, each with the name of its webhook and its policy.
fn scopes(policies: &[Policy], phase: Phase) -> impl Iterator<Item = (String, &str, &ReviewScope)> {
    policies.iter().flat_map(move |policy| {
        let scopes = policy.description().reviews.iter().filter(move |scope| scope.phases.contains(&phase));
        scopes.map(move |scope| (webhook_name(policy, scope, phase), &*policy.description().name, scope))
    })
}

/// Returns a domain name: the chart's for the built-in policy, otherwise one that contains the policy's name.
fn webhook_name(policy: &Policy, scope: &ReviewScope, phase: Phase) -> String {
    let (name, phase) = (&scope.name, phase.word());
    if policy.is_built_in() {
        return format!("{name}.{phase}.{DOMAIN}");
    }
    format!("{name}.{phase}.{}.{DOMAIN}", policy.description().name)
}

/// Returns a role that may list and watch the kinds that the policies watch, get those that they validate, list those that an
/// audit reviews besides, write reports, reserve keys, and create Events if asked for.
fn role(policies: &[Policy], events: bool) -> ClusterRole {
    let mut watches: Vec<(&Watch, bool)> = policies.iter().flat_map(watches).collect();
    watches.sort_by_key(|(watch, is_validated)| (&watch.group, *is_validated, &watch.resource));
    watches.dedup_by_key(|(watch, is_validated)| (&watch.group, *is_validated, &watch.resource));
    let watching = watches
        .chunk_by(|(one, one_validated), (other, other_validated)| {
            (&one.group, one_validated) == (&other.group, other_validated)
        })
        .map(watch_rule);
    let audit = audited(policies).into_iter().map(list_rule).chain(REPORTS.map(report_rule));
    let rules = watching.chain([reservation_rule()]).chain(audit).chain(events.then(event_rule)).collect();
    ClusterRole { metadata: metadata(), rules: Some(rules), ..ClusterRole::default() }
}

/// Returns the kinds that a policy watches, each with whether it validates them. Of those the host asks the API server about
/// single objects.
fn watches(policy: &Policy) -> impl Iterator<Item = (&Watch, bool)> {
    let description = policy.description();
    let is_validated = |watch: &Watch| {
        description.reviews.iter().any(|scope| {
            scope.phases.contains(&Phase::Validate)
                && (&scope.group, &scope.resource) == (&watch.group, &watch.resource)
        })
    };
    description.watches.iter().map(move |watch| (watch, is_validated(watch)))
}

/// Returns the kinds that an audit lists and that no policy watches, by group.
fn audited(policies: &[Policy]) -> BTreeMap<String, BTreeSet<String>> {
    let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let descriptions = || policies.iter().map(|policy| policy.description());
    for AuditedResource { group, version, resource } in descriptions().flat_map(audited_resources) {
        if !descriptions().any(|description| description.watches(&group, &version, &resource)) {
            kinds.entry(group).or_default().insert(resource);
        }
    }
    kinds
}

fn list_rule((group, resources): (String, BTreeSet<String>)) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group]),
        resources: Some(resources.into_iter().collect()),
        verbs: vec!["list".to_owned()],
        ..PolicyRule::default()
    }
}

/// Without the CustomResourceDefinitions of the group the rule grants nothing.
fn report_rule((group, resources): (&str, [&str; 2])) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources.map(str::to_owned).to_vec()),
        verbs: ["create", "delete", "list", "patch"].map(str::to_owned).to_vec(),
        ..PolicyRule::default()
    }
}

fn watch_rule(watches: &[(&Watch, bool)]) -> PolicyRule {
    let is_validated = watches.iter().any(|(_, is_validated)| *is_validated);
    let verbs = is_validated.then_some("get").into_iter().chain(["list", "watch"]);
    PolicyRule {
        api_groups: watches.first().map(|(watch, _)| vec![watch.group.clone()]),
        resources: Some(watches.iter().map(|(watch, _)| watch.resource.clone()).collect()),
        verbs: verbs.map(str::to_owned).collect(),
        ..PolicyRule::default()
    }
}

/// Without the CustomResourceDefinition of the chart the rule grants nothing.
fn reservation_rule() -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec!["ordinance.dev".to_owned()]),
        resources: Some(vec!["reservations".to_owned()]),
        verbs: ["create", "delete", "list", "watch"].map(str::to_owned).to_vec(),
        ..PolicyRule::default()
    }
}

fn event_rule() -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec!["events.k8s.io".to_owned()]),
        resources: Some(vec!["events".to_owned()]),
        verbs: vec!["create".to_owned()],
        ..PolicyRule::default()
    }
}

fn metadata() -> ObjectMeta {
    ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() }
}

fn rule(scope: &ReviewScope) -> RuleWithOperations {
    RuleWithOperations {
        api_groups: Some(vec![scope.group.clone()]),
        api_versions: Some(vec![scope.version.clone()]),
        resources: Some(vec![scope.qualified_resource()]),
        operations: Some(scope.operations.iter().map(|operation| operation.word().to_owned()).collect()),
        scope: Some(if scope.namespaced { "Namespaced" } else { "Cluster" }.to_owned()),
    }
}

fn conditions(scope: &ReviewScope) -> Option<Vec<MatchCondition>> {
    let conditions: Vec<MatchCondition> = scope
        .match_conditions
        .iter()
        .map(|condition| MatchCondition {
            name: condition.name.clone(),
            expression: condition.expression.clone(),
        })
        .collect();
    (!conditions.is_empty()).then_some(conditions)
}

// === impl ServiceName ===

impl ServiceName {
    fn client_config(&self, phase: Phase, policy: &str) -> WebhookClientConfig {
        let service = ServiceReference {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            path: Some(format!("/{}/{policy}", phase.word())),
            port: Some(443),
        };
        WebhookClientConfig { service: Some(service), ..WebhookClientConfig::default() }
    }

    /// Returns the selector of a namespaced kind, or `None` for a cluster-scoped one.
    fn namespace_selector(&self, scope: &ReviewScope) -> Option<LabelSelector> {
        let excluded = EXCLUDED.iter().copied().chain([&*self.namespace]).map(str::to_owned).collect();
        let requirement = LabelSelectorRequirement {
            key: "kubernetes.io/metadata.name".to_owned(),
            operator: "NotIn".to_owned(),
            values: Some(excluded),
        };
        scope
            .namespaced
            .then(|| LabelSelector { match_expressions: Some(vec![requirement]), ..LabelSelector::default() })
    }
}

impl FromStr for ServiceName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name)) if is_label(namespace) && is_label(name) => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err("give namespace/name, both DNS labels, e.g. ordinance-system/ordinance"),
        }
    }
}
