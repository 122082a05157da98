//! `ordinance webhooks`: the webhook configurations and RBAC rules that policies need.

use super::{Exit, policies, print};
use anyhow::{Context as _, Result};
use clap::Args;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference,
    ValidatingWebhook, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use ordinance_contract::{Description, FailurePolicy, Operation, Phase, ReviewScope, Watch};
use serde::Serialize;
use std::path::PathBuf;
use std::str::FromStr;

/// The name of both configurations and of the role.
const NAME: &str = "ordinance";

/// The suffix of a webhook's name, which has to be a domain.
const DOMAIN: &str = "ordinance.dev";

/// Seconds that the API server waits.
const TIMEOUT: i32 = 5;

/// Namespaces whose objects no webhook sees, beside that of the service: the cluster must be able to repair itself.
const EXCLUDED: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

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
    /// The Service in front of the host, as namespace/name
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "ordinance-system/ordinance")]
    #[arg(env = "ORDINANCE_SERVICE", hide_env = true)]
    service: Service,
}

/// The Service that the API server calls.
#[derive(Clone, Debug)]
struct Service {
    namespace: String,
    name: String,
}

/// A policy and how its webhooks are named.
struct Served {
    description: Description,
    is_built_in: bool,
}

pub(super) fn run(args: &WebhooksArgs) -> Result<Exit> {
    let served = served(&args.policy)?;
    let documents = [
        yaml(&mutating(&served, &args.service))?,
        yaml(&validating(&served, &args.service))?,
        yaml(&role(&served))?,
    ];
    print(documents.join("---\n").as_bytes())?;
    Ok(Exit::Fine)
}

fn served(components: &[PathBuf]) -> Result<Vec<Served>> {
    if components.is_empty() {
        return Ok(vec![Served { description: policies::description(None)?, is_built_in: true }]);
    }
    let load =
        |path: &PathBuf| Ok(Served { description: policies::description(Some(path))?, is_built_in: false });
    components.iter().map(load).collect()
}

fn yaml(object: &impl Serialize) -> Result<String> {
    serde_saphyr::to_string(object).context("the configuration cannot be written as YAML")
}

fn mutating(served: &[Served], service: &Service) -> MutatingWebhookConfiguration {
    let webhook = |(name, policy, scope): (String, &str, &ReviewScope)| MutatingWebhook {
        name,
        admission_review_versions: vec!["v1".to_owned()],
        client_config: service.client_config(Phase::Mutate, policy),
        rules: Some(vec![rule(scope)]),
        failure_policy: Some(word(scope.failure_policy).to_owned()),
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
        webhooks: Some(scopes(served, Phase::Mutate).map(webhook).collect()),
    }
}

fn validating(served: &[Served], service: &Service) -> ValidatingWebhookConfiguration {
    let webhook = |(name, policy, scope): (String, &str, &ReviewScope)| ValidatingWebhook {
        name,
        admission_review_versions: vec!["v1".to_owned()],
        client_config: service.client_config(Phase::Validate, policy),
        rules: Some(vec![rule(scope)]),
        failure_policy: Some(word(scope.failure_policy).to_owned()),
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
        webhooks: Some(scopes(served, Phase::Validate).map(webhook).collect()),
    }
}

/// The review scopes of a phase, each with the name of its webhook and its policy.
fn scopes(served: &[Served], phase: Phase) -> impl Iterator<Item = (String, &str, &ReviewScope)> {
    served.iter().flat_map(move |served| {
        let scopes = served.description.reviews.iter().filter(move |scope| scope.phases.contains(&phase));
        scopes.map(move |scope| (served.webhook_name(scope, phase), &*served.description.name, scope))
    })
}

/// The host lists and watches the kinds that the policies watch.
fn role(served: &[Served]) -> ClusterRole {
    let mut watches: Vec<&Watch> = served.iter().flat_map(|served| &served.description.watches).collect();
    watches.sort_by_key(|watch| (&watch.group, &watch.resource));
    watches.dedup_by_key(|watch| (&watch.group, &watch.resource));
    let rule = |watches: &[&Watch]| PolicyRule {
        api_groups: watches.first().map(|watch| vec![watch.group.clone()]),
        resources: Some(watches.iter().map(|watch| watch.resource.clone()).collect()),
        verbs: ["list", "watch"].map(str::to_owned).to_vec(),
        ..PolicyRule::default()
    };
    let rules = watches.chunk_by(|one, other| one.group == other.group).map(rule).collect();
    ClusterRole { metadata: metadata(), rules: Some(rules), ..ClusterRole::default() }
}

fn metadata() -> ObjectMeta {
    ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() }
}

fn rule(scope: &ReviewScope) -> RuleWithOperations {
    let resource = match &*scope.subresource {
        "" => scope.resource.clone(),
        subresource => format!("{}/{subresource}", scope.resource),
    };
    RuleWithOperations {
        api_groups: Some(vec![scope.group.clone()]),
        api_versions: Some(vec![scope.version.clone()]),
        resources: Some(vec![resource]),
        operations: Some(scope.operations.iter().map(|operation| verb(*operation).to_owned()).collect()),
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

const fn verb(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "CREATE",
        Operation::Update => "UPDATE",
        Operation::Delete => "DELETE",
        Operation::Connect => "CONNECT",
    }
}

const fn word(policy: FailurePolicy) -> &'static str {
    match policy {
        FailurePolicy::Fail => "Fail",
        FailurePolicy::Ignore => "Ignore",
    }
}

const fn path(phase: Phase) -> &'static str {
    match phase {
        Phase::Mutate => "mutate",
        Phase::Validate => "validate",
    }
}

// === impl Served ===

impl Served {
    /// A domain name: those of the built-in policy are the chart's, those of another one carry its name.
    fn webhook_name(&self, scope: &ReviewScope, phase: Phase) -> String {
        let (scope, phase) = (&scope.name, path(phase));
        if self.is_built_in {
            return format!("{scope}.{phase}.{DOMAIN}");
        }
        format!("{scope}.{phase}.{}.{DOMAIN}", self.description.name)
    }
}

// === impl Service ===

impl Service {
    fn client_config(&self, phase: Phase, policy: &str) -> WebhookClientConfig {
        let service = ServiceReference {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            path: Some(format!("/{}/{policy}", path(phase))),
            port: Some(443),
        };
        WebhookClientConfig { service: Some(service), ..WebhookClientConfig::default() }
    }

    /// `None` for a cluster-scoped kind.
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

impl FromStr for Service {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err("give namespace/name, e.g. ordinance-system/ordinance"),
        }
    }
}
