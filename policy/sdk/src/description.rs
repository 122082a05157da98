//! Builders of a policy's description: what it watches and reviews, and its rules.

use crate::finding::RuleFinding;
use ordinance_contract::{
    Description, FailurePolicy, MatchCondition, Operation, Phase, Request, ReviewScope, Rule, Scope,
    Severity, Watch,
};

/// A kind of Kubernetes object, as the API server's paths name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// e.g. `v1`.
    pub version: &'static str,
    /// Lower case, e.g. `deployments`.
    pub plural: &'static str,
    /// True if objects of this kind have a namespace.
    pub is_namespaced: bool,
}

/// A rule of a policy. A constant of this type describes the rule and begins its findings, so that both agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyRule {
    id: &'static str,
    title: &'static str,
    severity: Severity,
    setting: &'static str,
    annotations: &'static [&'static str],
    explanation: &'static str,
}

/// The description of a policy, without the schema of its settings, which the SDK adds.
#[derive(Clone, Debug)]
pub struct PolicyDescription {
    description: Description,
}

/// The requests about one resource that a policy reviews: unless told otherwise, its creation and its updates in the phase
/// `validate`, which the API server rejects if the host does not answer.
#[derive(Clone, Debug)]
pub struct ReviewedResource {
    scope: ReviewScope,
    /// Whether the policy has named the review itself.
    is_named: bool,
}

// === impl Resource ===

impl Resource {
    /// A resource whose objects have a namespace. The group is empty for the core group.
    pub const fn namespaced(group: &'static str, version: &'static str, plural: &'static str) -> Self {
        Self { group, version, plural, is_namespaced: true }
    }

    /// A resource whose objects have no namespace. The group is empty for the core group.
    pub const fn cluster_scoped(group: &'static str, version: &'static str, plural: &'static str) -> Self {
        Self { group, version, plural, is_namespaced: false }
    }

    /// Returns true if an object is of this kind, in whatever version. A subresource is not.
    pub fn is_kind_of(&self, scope: &Scope<'_>) -> bool {
        scope.group == self.group && scope.resource == self.plural && scope.subresource.is_empty()
    }

    /// Returns the scope of an object. The namespace of an object without one is empty.
    pub fn object<'a>(&self, namespace: &'a str, name: &'a str) -> Scope<'a> {
        Scope {
            group: self.group.into(),
            version: self.version.into(),
            resource: self.plural.into(),
            subresource: "".into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Returns the request of the validating webhook to create an object, for tests.
    pub fn creation<'a>(&self, namespace: &'a str, name: &'a str, object: &'a str) -> Request<'a> {
        Request {
            operation: Operation::Create,
            phase: Phase::Validate,
            scope: self.object(namespace, name),
            kind: "".into(),
            dry_run: false,
            user_info: "".into(),
            object: Some(object.into()),
            old_object: None,
        }
    }

    /// Watches the stored objects, so that the host indexes their keys.
    pub fn watch(&self) -> Watch {
        Watch {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            resource: self.plural.to_owned(),
            metadata_only: false,
            precedes: false,
        }
    }

    /// Reviews creations and updates in the phase `validate`.
    pub fn review(&self) -> ReviewedResource {
        ReviewedResource {
            is_named: false,
            scope: ReviewScope {
                name: self.plural.to_owned(),
                group: self.group.to_owned(),
                version: self.version.to_owned(),
                resource: self.plural.to_owned(),
                subresource: String::new(),
                namespaced: self.is_namespaced,
                operations: vec![Operation::Create, Operation::Update],
                phases: vec![Phase::Validate],
                failure_policy: FailurePolicy::Fail,
                match_conditions: Vec::new(),
            },
        }
    }
}

// === impl ReviewedResource ===

impl ReviewedResource {
    /// Names the review, a DNS label that is unique per phase. Unless named, it has the name of the resource, and that of a
    /// subresource after it, e.g. `deployments-scale`.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.is_named = true;
        name.clone_into(&mut self.scope.name);
        self
    }

    /// Reviews a subresource, e.g. `scale`, instead of the object.
    #[must_use]
    pub fn subresource(mut self, subresource: &str) -> Self {
        subresource.clone_into(&mut self.scope.subresource);
        if !self.is_named {
            self.scope.name = format!("{}-{subresource}", self.scope.resource);
        }
        self
    }

    /// Reviews these operations.
    #[must_use]
    pub fn operations(mut self, operations: &[Operation]) -> Self {
        self.scope.operations = operations.to_vec();
        self
    }

    /// Reviews in the phase `mutate`, too: the policy may return a patch there.
    #[must_use]
    pub fn and_mutate(mut self) -> Self {
        self.scope.phases = vec![Phase::Mutate, Phase::Validate];
        self
    }

    /// Reviews in these phases.
    #[must_use]
    pub fn phases(mut self, phases: &[Phase]) -> Self {
        self.scope.phases = phases.to_vec();
        self
    }

    /// Says what the API server should do if the host does not answer.
    #[must_use]
    pub fn failure_policy(mut self, failure_policy: FailurePolicy) -> Self {
        self.scope.failure_policy = failure_policy;
        self
    }

    /// Adds a CEL expression over `object`, `oldObject` and `request`, without which the API server does not ask. It must be
    /// true for every request on which the policy would return a finding or a patch, and test optional fields with `has()`.
    #[must_use]
    pub fn only_if(mut self, name: &str, expression: &str) -> Self {
        let condition = MatchCondition { name: name.to_owned(), expression: expression.to_owned() };
        self.scope.match_conditions.push(condition);
        self
    }
}

impl From<ReviewedResource> for ReviewScope {
    fn from(reviewed: ReviewedResource) -> Self {
        reviewed.scope
    }
}

// === impl PolicyRule ===

impl PolicyRule {
    /// A rule that denies a request. The id is in kebab case and never changes; the title is one line.
    pub const fn deny(id: &'static str, title: &'static str) -> Self {
        Self::new(id, title, Severity::Deny)
    }

    /// A rule that warns of a request.
    pub const fn warn(id: &'static str, title: &'static str) -> Self {
        Self::new(id, title, Severity::Warn)
    }

    /// A rule whose findings only appear in the audit log, in reports and in metrics.
    pub const fn note(id: &'static str, title: &'static str) -> Self {
        Self::new(id, title, Severity::Note)
    }

    const fn new(id: &'static str, title: &'static str, severity: Severity) -> Self {
        Self { id, title, severity, setting: "", annotations: &[], explanation: "" }
    }

    /// Names the setting that changes what the rule finds, or its severity.
    #[must_use]
    pub const fn setting(self, setting: &'static str) -> Self {
        Self { setting, ..self }
    }

    /// Names the annotations that silence the rule for one object.
    #[must_use]
    pub const fn annotations(self, annotations: &'static [&'static str]) -> Self {
        Self { annotations, ..self }
    }

    /// Explains the rule in Markdown: why it matters, a bad and a good manifest, and how to pass.
    #[must_use]
    pub const fn explanation(self, explanation: &'static str) -> Self {
        Self { explanation, ..self }
    }

    /// Returns the id.
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// Begins a finding of this rule. The fact is one line without a full stop that names the object.
    pub fn finding(&self, fact: impl Into<String>) -> RuleFinding {
        RuleFinding::new(self.id, self.severity, fact.into())
    }
}

impl From<PolicyRule> for Rule {
    fn from(rule: PolicyRule) -> Self {
        Self {
            id: rule.id.to_owned(),
            title: rule.title.to_owned(),
            severity: rule.severity,
            setting: rule.setting.to_owned(),
            annotations: rule.annotations.iter().map(|&name| name.to_owned()).collect(),
            explanation: rule.explanation.to_owned(),
        }
    }
}

// === impl PolicyDescription ===

impl PolicyDescription {
    /// A policy with this name, a DNS label, and this semantic version: `env!("CARGO_PKG_VERSION")`.
    pub fn new(name: &str, version: &str) -> Self {
        let description = Description {
            name: name.to_owned(),
            version: version.to_owned(),
            watches: Vec::new(),
            reviews: Vec::new(),
            rules: Vec::new(),
            settings_schema: String::new(),
        };
        Self { description }
    }

    /// Adds a kind whose stored objects have keys.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.description.watches.push(watch);
        self
    }

    /// Adds requests that the policy reviews.
    #[must_use]
    pub fn review(mut self, review: impl Into<ReviewScope>) -> Self {
        self.description.reviews.push(review.into());
        self
    }

    /// Adds a rule.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<Rule>) -> Self {
        self.description.rules.push(rule.into());
        self
    }

    /// Returns the description with a JSON Schema of the settings.
    pub fn with_settings_schema(mut self, schema: String) -> Description {
        self.description.settings_schema = schema;
        self.description
    }

    /// Adds a rule unless there is one of its id.
    #[cfg(feature = "typed")]
    pub(crate) fn rule_unless_described(self, rule: PolicyRule) -> Self {
        let is_described = self.description.rules.iter().any(|described| described.id == rule.id);
        if is_described { self } else { self.rule(rule) }
    }
}
