//! What a case happens in: the policy with the case's settings, and an index of the stored objects.

use crate::policy::{ConfiguredPolicy, ReviewTrace, TestedPolicy, overlaps};
use ordinance_case::{Build, Case};
use ordinance_contract::{Description, Holding, Key, Phase, Request, Scope, Verdict};
use ordinance_index::Index;
use ordinance_json::applied;
use ordinance_manifests::Manifest;
use serde_json::Value;
use std::cell::Cell;
use std::sync::Arc;

/// A policy with the settings and the stored objects of a case.
pub(crate) struct World<'p> {
    pub(crate) description: &'p Description,
    policy: Arc<dyn ConfiguredPolicy>,
    index: Index,
    /// The keys of the stored objects.
    stored: Vec<(Scope<'static>, Vec<Key>)>,
    /// The most fuel of one review so far.
    fuel: Cell<Option<u64>>,
}

/// The result of a mutating review that admits.
#[derive(Clone, Debug)]
pub(crate) struct MutatedObject {
    pub(crate) patch: Vec<Value>,
    /// The object with the patch.
    pub(crate) object: String,
}

// === impl World ===

impl<'p> World<'p> {
    /// Indexes the stored objects of a case. Leaves out an object that the policy does not watch or can't read, as the server
    /// does.
    pub(crate) fn new(policy: &'p dyn TestedPolicy, case: &Case) -> Result<Self, String> {
        let mut world = Self {
            description: policy.description(),
            policy: policy.with_settings(&case.settings)?,
            index: Index::default(),
            stored: Vec::new(),
            fuel: Cell::default(),
        };
        for object in &case.state {
            if world.watches(&object.scope)
                && let Ok(keys) = world.policy.keys(&object.scope, &object.json)?
                && world.index.insert(&object.scope, &keys).is_ok()
            {
                world.stored.push((object.scope.clone(), keys));
            }
        }
        Ok(world)
    }

    /// Returns whether the host indexes objects like this one.
    pub(crate) fn watches(&self, scope: &Scope<'_>) -> bool {
        scope.subresource.is_empty()
            && self.description.watches(&scope.group, &scope.version, &scope.resource)
    }

    /// Returns the keys of the stored objects.
    pub(crate) fn stored(&self) -> &[(Scope<'static>, Vec<Key>)] {
        &self.stored
    }

    /// Returns the most fuel of one review so far.
    pub(crate) fn fuel(&self) -> Option<u64> {
        self.fuel.get()
    }

    pub(crate) fn keys(&self, scope: &Scope<'_>, object: &str) -> Result<Result<Vec<Key>, String>, String> {
        self.policy.keys(scope, object)
    }

    /// Reviews in one call, with these holdings.
    pub(crate) fn review(&self, request: &Request<'_>, holdings: &[Holding]) -> Result<Verdict, String> {
        self.policy.review(request, holdings)
    }

    /// Reviews as a host does, step by step.
    pub(crate) fn trace(&self, request: &Request<'_>) -> Result<ReviewTrace, String> {
        self.trace_with(request, &self.index)
    }

    /// Reviews as a host with this index does.
    pub(crate) fn trace_with(&self, request: &Request<'_>, index: &Index) -> Result<ReviewTrace, String> {
        let trace = self.policy.ask(request, &mut |keys| overlaps(index, keys, &request.scope))?;
        self.fuel.set(self.fuel.get().max(trace.fuel));
        Ok(trace)
    }

    /// Returns the verdict of a review in a phase.
    pub(crate) fn verdict_in(&self, phase: Phase, request: &Request<'_>) -> Result<Verdict, String> {
        Ok(self.trace(&Request { phase, ..request.clone() })?.verdict)
    }

    /// Returns the result of the mutating review, or `None` if it denies or there is no object.
    pub(crate) fn mutated(&self, request: &Request<'_>) -> Result<Option<MutatedObject>, String> {
        let Some(object) = &request.object else { return Ok(None) };
        let verdict = self.verdict_in(Phase::Mutate, request)?;
        if !verdict.is_allowed() {
            return Ok(None);
        }
        mutated(object, &verdict).map(Some)
    }
}

/// Applies the patch of a verdict to an object.
pub(crate) fn mutated(object: &str, verdict: &Verdict) -> Result<MutatedObject, String> {
    let patch = verdict.patch.as_deref().map(serde_json::from_str).transpose();
    let patch: Vec<Value> =
        patch.map_err(|error| format!("returned an invalid patch: {error}"))?.unwrap_or_default();
    let object = applied(object, &patch)?;
    Ok(MutatedObject { patch, object })
}

/// A case's own settings and objects are those of the world.
impl Build for World<'_> {
    fn verdict(&self, _: &str, _: &[Manifest], request: &Request<'_>) -> Result<Verdict, String> {
        Ok(self.trace(request)?.verdict)
    }

    fn keys(&self, _: &str, scope: &Scope<'_>, object: &str) -> Result<Result<Vec<Key>, String>, String> {
        self.policy.keys(scope, object)
    }
}
