//! Conversions between the generated types and the contract's: every field is moved, never copied.

use crate::bindings::exports::ordinance::policy::rules;
use ordinance_contract::{
    Annotation, Description, FailurePolicy, Finding, Fix, Holding, Key, MatchCondition, Operation, Phase,
    Problem, Request, ReviewScope, Rule, Scope, Severity, Stance, Verdict, Watch,
};

/// Converts every element.
pub(crate) fn all<A, B: From<A>>(elements: Vec<A>) -> Vec<B> {
    elements.into_iter().map(B::from).collect()
}

// === into the guest ===

impl From<rules::Scope> for Scope<'static> {
    fn from(scope: rules::Scope) -> Self {
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

impl From<rules::Request> for Request<'static> {
    fn from(request: rules::Request) -> Self {
        Self {
            operation: request.operation.into(),
            phase: request.phase.into(),
            scope: request.scope.into(),
            kind: request.kind.into(),
            dry_run: request.dry_run,
            user_info: request.user_info.into(),
            object: request.object.map(Into::into),
            old_object: request.old_object.map(Into::into),
        }
    }
}

impl From<rules::Operation> for Operation {
    fn from(operation: rules::Operation) -> Self {
        match operation {
            rules::Operation::Create => Self::Create,
            rules::Operation::Update => Self::Update,
            rules::Operation::Delete => Self::Delete,
            rules::Operation::Connect => Self::Connect,
        }
    }
}

impl From<rules::Phase> for Phase {
    fn from(phase: rules::Phase) -> Self {
        match phase {
            rules::Phase::Mutate => Self::Mutate,
            rules::Phase::Validate => Self::Validate,
            rules::Phase::Audit => Self::Audit,
        }
    }
}

impl From<rules::Stance> for Stance {
    fn from(stance: rules::Stance) -> Self {
        match stance {
            rules::Stance::Holds => Self::Holds,
            rules::Stance::Uses => Self::Uses,
            rules::Stance::Looks => Self::Looks,
        }
    }
}

impl From<rules::Holding> for Holding {
    fn from(holding: rules::Holding) -> Self {
        Self {
            realm: holding.realm,
            path: holding.path,
            stance: holding.stance.into(),
            note: holding.note,
            holder: holding.holder.into(),
            count: holding.count,
        }
    }
}

// === out of the guest ===

impl From<Stance> for rules::Stance {
    fn from(stance: Stance) -> Self {
        match stance {
            Stance::Holds => Self::Holds,
            Stance::Uses => Self::Uses,
            Stance::Looks => Self::Looks,
        }
    }
}

impl From<Key> for rules::Key {
    fn from(key: Key) -> Self {
        Self { realm: key.realm, path: key.path, stance: key.stance.into(), note: key.note }
    }
}

impl From<Problem> for rules::Problem {
    fn from(problem: Problem) -> Self {
        Self { field: problem.field, message: problem.message }
    }
}

impl From<Watch> for rules::Watch {
    fn from(watch: Watch) -> Self {
        Self {
            group: watch.group,
            version: watch.version,
            resource: watch.resource,
            metadata_only: watch.metadata_only,
            precedes: watch.precedes,
        }
    }
}

impl From<Description> for rules::Description {
    fn from(description: Description) -> Self {
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

impl From<ReviewScope> for rules::ReviewScope {
    fn from(scope: ReviewScope) -> Self {
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

impl From<Operation> for rules::Operation {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Create => Self::Create,
            Operation::Update => Self::Update,
            Operation::Delete => Self::Delete,
            Operation::Connect => Self::Connect,
        }
    }
}

impl From<Phase> for rules::Phase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Mutate => Self::Mutate,
            Phase::Validate => Self::Validate,
            Phase::Audit => Self::Audit,
        }
    }
}

impl From<FailurePolicy> for rules::FailurePolicy {
    fn from(policy: FailurePolicy) -> Self {
        match policy {
            FailurePolicy::Fail => Self::Fail,
            FailurePolicy::Ignore => Self::Ignore,
        }
    }
}

impl From<MatchCondition> for rules::MatchCondition {
    fn from(condition: MatchCondition) -> Self {
        Self { name: condition.name, expression: condition.expression }
    }
}

impl From<Rule> for rules::Rule {
    fn from(rule: Rule) -> Self {
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

impl From<Severity> for rules::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Deny => Self::Deny,
            Severity::Warn => Self::Warn,
            Severity::Note => Self::Note,
        }
    }
}

impl From<Scope<'static>> for rules::Scope {
    fn from(scope: Scope<'static>) -> Self {
        Self {
            group: scope.group.into_owned(),
            version: scope.version.into_owned(),
            resource: scope.resource.into_owned(),
            subresource: scope.subresource.into_owned(),
            namespace: scope.namespace.into_owned(),
            name: scope.name.into_owned(),
        }
    }
}

impl From<Finding> for rules::Finding {
    fn from(finding: Finding) -> Self {
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

impl From<Fix> for rules::Fix {
    fn from(fix: Fix) -> Self {
        Self { title: fix.title, patch: fix.patch }
    }
}

impl From<Annotation> for rules::Annotation {
    fn from(annotation: Annotation) -> Self {
        Self { key: annotation.key, value: annotation.value }
    }
}

impl From<Verdict> for rules::Verdict {
    fn from(verdict: Verdict) -> Self {
        Self {
            findings: all(verdict.findings),
            patch: verdict.patch,
            migration: verdict.migration,
            audit: all(verdict.audit),
        }
    }
}
