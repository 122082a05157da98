//! The contract's types for calls into a guest, generated from `policy.wit`, and their conversion to and from the types
//! of the crate `ordinance_contract`. Texts of arguments are borrowed: they are copied once, into the guest's memory.

use ordinance_contract as contract;

wasmtime::component::bindgen!({
    path: "../../wit/policy.wit",
    world: "policy",
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(super) use exports::ordinance::policy::rules;

// === into the guest ===

impl<'a> From<&'a contract::Scope<'_>> for rules::ScopeParam<'a> {
    fn from(scope: &'a contract::Scope<'_>) -> Self {
        Self {
            group: &scope.group,
            version: &scope.version,
            resource: &scope.resource,
            subresource: &scope.subresource,
            namespace: &scope.namespace,
            name: &scope.name,
        }
    }
}

impl<'a> From<&'a contract::Request<'_>> for rules::Request<'a> {
    fn from(request: &'a contract::Request<'_>) -> Self {
        Self {
            operation: request.operation.into(),
            phase: request.phase.into(),
            scope: (&request.scope).into(),
            kind: &request.kind,
            dry_run: request.dry_run,
            user_info: &request.user_info,
            object: request.object.as_deref(),
            old_object: request.old_object.as_deref(),
        }
    }
}

impl From<contract::Operation> for rules::Operation {
    fn from(operation: contract::Operation) -> Self {
        match operation {
            contract::Operation::Create => Self::Create,
            contract::Operation::Update => Self::Update,
            contract::Operation::Delete => Self::Delete,
            contract::Operation::Connect => Self::Connect,
        }
    }
}

impl From<contract::Phase> for rules::Phase {
    fn from(phase: contract::Phase) -> Self {
        match phase {
            contract::Phase::Mutate => Self::Mutate,
            contract::Phase::Validate => Self::Validate,
            contract::Phase::Audit => Self::Audit,
        }
    }
}

impl From<contract::Stance> for rules::Stance {
    fn from(stance: contract::Stance) -> Self {
        match stance {
            contract::Stance::Holds => Self::Holds,
            contract::Stance::Uses => Self::Uses,
            contract::Stance::Looks => Self::Looks,
        }
    }
}

/// Holdings whose texts are borrowed. The generated types need each path as a slice of `&str`, so the paths are stored
/// here.
pub(super) struct Holdings<'a> {
    holdings: &'a [contract::Holding],
    paths: Vec<Vec<&'a str>>,
}

impl<'a> From<&'a [contract::Holding]> for Holdings<'a> {
    fn from(holdings: &'a [contract::Holding]) -> Self {
        let path = |holding: &'a contract::Holding| holding.path.iter().map(String::as_str).collect();
        Self { holdings, paths: holdings.iter().map(path).collect() }
    }
}

impl Holdings<'_> {
    pub(super) fn lowered(&self) -> Vec<rules::Holding<'_>> {
        self.holdings.iter().zip(&self.paths).map(|(holding, path)| lowered(holding, path)).collect()
    }
}

fn lowered<'a>(holding: &'a contract::Holding, path: &'a [&'a str]) -> rules::Holding<'a> {
    rules::Holding {
        realm: &holding.realm,
        path,
        stance: holding.stance.into(),
        note: &holding.note,
        holder: (&holding.holder).into(),
        count: holding.count,
    }
}

// === out of the guest ===

impl From<rules::Stance> for contract::Stance {
    fn from(stance: rules::Stance) -> Self {
        match stance {
            rules::Stance::Holds => Self::Holds,
            rules::Stance::Uses => Self::Uses,
            rules::Stance::Looks => Self::Looks,
        }
    }
}

impl From<rules::Key> for contract::Key {
    fn from(key: rules::Key) -> Self {
        Self { realm: key.realm, path: key.path, stance: key.stance.into(), note: key.note }
    }
}

impl From<rules::Problem> for contract::Problem {
    fn from(problem: rules::Problem) -> Self {
        Self { field: problem.field, message: problem.message }
    }
}

impl From<rules::Watch> for contract::Watch {
    fn from(watch: rules::Watch) -> Self {
        Self {
            group: watch.group,
            version: watch.version,
            resource: watch.resource,
            metadata_only: watch.metadata_only,
            precedes: watch.precedes,
        }
    }
}

impl From<rules::ReviewScope> for contract::ReviewScope {
    fn from(scope: rules::ReviewScope) -> Self {
        Self {
            name: scope.name,
            group: scope.group,
            version: scope.version,
            resource: scope.resource,
            subresource: scope.subresource,
            namespaced: scope.namespaced,
            operations: all(scope.operations),
            phases: all(scope.phases),
            failure_policy: scope.failure_policy.into(),
            match_conditions: all(scope.match_conditions),
        }
    }
}

impl From<rules::Operation> for contract::Operation {
    fn from(operation: rules::Operation) -> Self {
        match operation {
            rules::Operation::Create => Self::Create,
            rules::Operation::Update => Self::Update,
            rules::Operation::Delete => Self::Delete,
            rules::Operation::Connect => Self::Connect,
        }
    }
}

impl From<rules::Phase> for contract::Phase {
    fn from(phase: rules::Phase) -> Self {
        match phase {
            rules::Phase::Mutate => Self::Mutate,
            rules::Phase::Validate => Self::Validate,
            rules::Phase::Audit => Self::Audit,
        }
    }
}

impl From<rules::FailurePolicy> for contract::FailurePolicy {
    fn from(policy: rules::FailurePolicy) -> Self {
        match policy {
            rules::FailurePolicy::Fail => Self::Fail,
            rules::FailurePolicy::Ignore => Self::Ignore,
        }
    }
}

impl From<rules::MatchCondition> for contract::MatchCondition {
    fn from(condition: rules::MatchCondition) -> Self {
        Self { name: condition.name, expression: condition.expression }
    }
}

impl From<rules::Rule> for contract::Rule {
    fn from(rule: rules::Rule) -> Self {
        Self {
            id: rule.id,
            title: rule.title,
            severity: rule.severity.into(),
            setting: rule.setting,
            annotations: rule.annotations,
            explanation: rule.explanation,
        }
    }
}

impl From<rules::Severity> for contract::Severity {
    fn from(severity: rules::Severity) -> Self {
        match severity {
            rules::Severity::Deny => Self::Deny,
            rules::Severity::Warn => Self::Warn,
            rules::Severity::Note => Self::Note,
        }
    }
}

impl From<rules::Description> for contract::Description {
    fn from(description: rules::Description) -> Self {
        Self {
            name: description.name,
            version: description.version,
            watches: all(description.watches),
            reviews: all(description.reviews),
            rules: all(description.rules),
            settings_schema: description.settings_schema,
        }
    }
}

impl From<rules::ScopeResult> for contract::Scope<'static> {
    fn from(scope: rules::ScopeResult) -> Self {
        Self {
            group: scope.group.into(),
            version: scope.version.into(),
            resource: scope.resource.into(),
            subresource: scope.subresource.into(),
            namespace: scope.namespace.into(),
            name: scope.name.into(),
        }
    }
}

impl From<rules::Finding> for contract::Finding {
    fn from(finding: rules::Finding) -> Self {
        Self {
            rule: finding.rule,
            severity: finding.severity.into(),
            would_deny: finding.would_deny,
            field: finding.field,
            fact: finding.fact,
            remedy: finding.remedy,
            related: all(finding.related),
            fixes: all(finding.fixes),
        }
    }
}

impl From<rules::Fix> for contract::Fix {
    fn from(fix: rules::Fix) -> Self {
        Self { title: fix.title, patch: fix.patch }
    }
}

impl From<rules::Annotation> for contract::Annotation {
    fn from(annotation: rules::Annotation) -> Self {
        Self { key: annotation.key, value: annotation.value }
    }
}

impl From<rules::Verdict> for contract::Verdict {
    fn from(verdict: rules::Verdict) -> Self {
        Self {
            findings: all(verdict.findings),
            patch: verdict.patch,
            migration: verdict.migration,
            audit: all(verdict.audit),
        }
    }
}

/// Converts every element.
pub(super) fn all<A, B: From<A>>(elements: Vec<A>) -> Vec<B> {
    elements.into_iter().map(B::from).collect()
}
