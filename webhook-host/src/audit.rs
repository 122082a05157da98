//! Audits stored objects: what is wrong with them now, and what the webhooks would answer if they were created again or updated.
//!
//! An object is audited by itself, against an index of what is stored. So a caller can audit objects in any order, in parallel,
//! and page by page; only the findings have to be kept.

mod audited_resource;

pub use audited_resource::{AuditedResource, audited_resources};

use crate::admission::{Admission, Decision, patched};
use ordinance_audit::{ExpectedAnswer, ObjectAudit};
use ordinance_contract::{Operation, Phase, Request, Verdict};
use ordinance_engine::Failure;
use ordinance_manifests::Manifest;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Audits stored objects with a policy.
#[derive(Clone, Copy)]
pub struct Auditor<'a> {
    /// The policy with its settings, and the index of what is stored.
    pub admission: &'a Admission,
    /// The policy as it enforces its rules, and the same index. It may be `admission` itself.
    pub enforcing: &'a Admission,
    /// How long one review may take.
    pub deadline: Duration,
}

// === impl Auditor ===

impl Auditor<'_> {
    /// Audits an object, which must be as it is stored.
    pub fn audit(&self, object: &Manifest) -> ObjectAudit {
        self.try_audit(object).unwrap_or_else(|failure| ObjectAudit::failed(failure.to_string()))
    }

    /// Audits an object as [`audit`](Self::audit) does, beside the requests of a running server.
    ///
    /// # Errors
    ///
    /// [`Failure::Busy`] or [`Failure::NotReady`], after which a retry may succeed.
    pub fn try_audit(&self, object: &Manifest) -> Result<ObjectAudit, Failure> {
        match self.admission.decide(&object.creation(Phase::Audit), self.deadline()) {
            Ok(Decision { verdict, .. }) => {
                let creation = self.answer(object, Operation::Create, &verdict)?;
                let update = self.answer(object, Operation::Update, &verdict)?;
                Ok(ObjectAudit::new(verdict, creation, update))
            }
            Err(failure) => permanent(failure).map(ObjectAudit::failed),
        }
    }

    /// Returns what the webhooks would answer if the object were created again, or updated without a change; `audit` is the verdict
    /// on it as it is stored.
    fn answer(
        &self,
        object: &Manifest,
        operation: Operation,
        audit: &Verdict,
    ) -> Result<ExpectedAnswer, Failure> {
        let description = self.enforcing.policy().description();
        let is_mutated = description.reviews(&object.scope, operation, Phase::Mutate);
        // A denial of an audit is what the policy would have refused. Without one there is nothing to ask, but for a patch.
        if !is_mutated && audit.refusing_rules().is_empty() {
            return Ok(ExpectedAnswer::Unchanged);
        }
        self.decide(object, operation).or_else(|failure| permanent(failure).map(ExpectedAnswer::Failed))
    }

    /// Returns the patch with which the webhooks would admit an object if it were created again; empty if they would refuse it.
    ///
    /// # Errors
    ///
    /// The reason why the policy gave no verdict.
    pub fn patch_at_creation(&self, object: &Manifest) -> Result<Vec<Value>, Failure> {
        Ok(self.patch(object, Operation::Create)?.unwrap_or_default())
    }

    fn decide(&self, object: &Manifest, operation: Operation) -> Result<ExpectedAnswer, Failure> {
        Ok(match self.patch(object, operation)? {
            Ok(patch) => ExpectedAnswer::of_patch(&patch),
            Err(rules) => ExpectedAnswer::Refused(rules),
        })
    }

    /// Returns the patch with which the webhooks would admit a request, or the rules by which they would refuse it.
    fn patch(
        &self,
        object: &Manifest,
        operation: Operation,
    ) -> Result<Result<Vec<Value>, Vec<String>>, Failure> {
        let request = |phase| request(object, operation, phase);
        let mutation = self.enforcing.decide_mutation(request(Phase::Mutate), self.deadline())?;
        let (verdict, patch) = match mutation {
            Some(mutation) => (mutation.decision.verdict, mutation.patch),
            None => (Verdict::allow(), Vec::new()),
        };
        if !verdict.is_allowed() {
            return Ok(Err(refusing_rules(&verdict)));
        }
        let description = self.enforcing.policy().description();
        if description.reviews(&object.scope, operation, Phase::Validate) {
            let request = patched(request(Phase::Validate), &patch)?;
            let verdict = self.enforcing.decide(&request, self.deadline())?.verdict;
            if !verdict.is_allowed() {
                return Ok(Err(refusing_rules(&verdict)));
            }
        }
        Ok(Ok(patch))
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.deadline
    }
}

fn request(object: &Manifest, operation: Operation, phase: Phase) -> Request<'_> {
    match operation {
        Operation::Update => {
            Request { operation, old_object: Some((&*object.json).into()), ..object.creation(phase) }
        }
        _ => object.creation(phase),
    }
}

/// Returns the text of a failure that a retry does not mend.
fn permanent(failure: Failure) -> Result<String, Failure> {
    match failure {
        Failure::Busy | Failure::NotReady => Err(failure),
        _ => Ok(failure.to_string()),
    }
}

fn refusing_rules(verdict: &Verdict) -> Vec<String> {
    verdict.refusing_rules().into_iter().map(ToOwned::to_owned).collect()
}
