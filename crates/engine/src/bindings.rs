//! The contract's types as they cross into a guest, generated from `policy.wit`; and to and from those of the crate
//! `ordinance_contract`. Texts that go in are borrowed: they are copied once, into the guest's memory.

use ordinance_contract as contract;

wasmtime::component::bindgen!({
    path: "../../wit/policy.wit",
    world: "policy",
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(super) use exports::ordinance::policy::rules;

// === into the guest ===

impl<'a> From<&'a contract::Scope<'_>> for rules::Scope<'a> {
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

/// Holdings whose texts are borrowed; their paths are lists of lists, which want a place of their own.
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
        }
    }
}

impl From<rules::Description> for contract::Description {
    fn from(description: rules::Description) -> Self {
        Self {
            name: description.name,
            version: description.version,
            watches: all(description.watches),
            settings_schema: description.settings_schema,
        }
    }
}

impl From<rules::Cause> for contract::Cause {
    fn from(cause: rules::Cause) -> Self {
        Self { field: cause.field, message: cause.message }
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
            allowed: verdict.allowed,
            message: verdict.message,
            causes: all(verdict.causes),
            warnings: verdict.warnings,
            patch: verdict.patch,
            audit: all(verdict.audit),
        }
    }
}

/// Converts every element.
pub(super) fn all<A, B: From<A>>(elements: Vec<A>) -> Vec<B> {
    elements.into_iter().map(B::from).collect()
}
