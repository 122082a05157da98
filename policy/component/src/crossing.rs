//! From the generated types to the contract's, and back: field by field, moved, never copied.

use crate::rules;
use ordinance_contract::{
    Annotation, Cause, Description, Holding, Key, Operation, Phase, Problem, Request, Scope, Stance, Verdict,
    Watch,
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
        }
    }
}

impl From<Description> for rules::Description {
    fn from(description: Description) -> Self {
        Self {
            name: description.name,
            version: description.version,
            watches: all(description.watches),
            settings_schema: description.settings_schema,
        }
    }
}

impl From<Cause> for rules::Cause {
    fn from(cause: Cause) -> Self {
        Self { field: cause.field, message: cause.message }
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
            allowed: verdict.allowed,
            message: verdict.message,
            causes: all(verdict.causes),
            warnings: all(verdict.warnings),
            patch: verdict.patch,
            audit: all(verdict.audit),
        }
    }
}
