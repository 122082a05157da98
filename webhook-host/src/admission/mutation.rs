//! The mutating review of an object that the API server would pass on to the validating webhook, without the API server.

use super::{Admission, Decision};
use ordinance_contract::{Phase, Request, Verdict};
use ordinance_engine::Failure;
use ordinance_json::applied;
use serde_json::Value;
use std::time::Instant;

/// A decided mutating review.
pub struct Mutation<'a> {
    /// The request of the mutating webhook.
    pub request: Request<'a>,
    /// The decision.
    pub decision: Decision,
    /// The operations of the verdict's JSON Patch.
    pub patch: Vec<Value>,
}

// === impl Admission ===

impl Admission {
    /// Decides a request in the phase [`Phase::Mutate`]. Returns `None` if the policy has no mutating webhook for it.
    ///
    /// # Errors
    ///
    /// The reason why the policy gave no verdict.
    pub fn decide_mutation<'a>(
        &self,
        request: Request<'a>,
        deadline: Instant,
    ) -> Result<Option<Mutation<'a>>, Failure> {
        if !self.policy.description().reviews(&request.scope, request.operation, Phase::Mutate) {
            return Ok(None);
        }
        let decision = self.decide(&request, deadline)?;
        let patch = operations(&decision.verdict)?;
        Ok(Some(Mutation { request, decision, patch }))
    }
}

/// Returns a request with a patch applied to its object, as the validating webhook gets it.
///
/// # Errors
///
/// [`Failure::InvalidResponse`] if the patch does not fit the object.
pub fn patched<'a>(mut request: Request<'a>, patch: &[Value]) -> Result<Request<'a>, Failure> {
    if !patch.is_empty() {
        let object = request.object.as_deref().unwrap_or_default();
        request.object = Some(applied(object, patch).map_err(Failure::InvalidResponse)?.into());
    }
    Ok(request)
}

/// Returns the operations of a verdict's patch.
pub(crate) fn operations(verdict: &Verdict) -> Result<Vec<Value>, Failure> {
    let Some(patch) = &verdict.patch else { return Ok(Vec::new()) };
    serde_json::from_str(patch)
        .map_err(|error| Failure::InvalidResponse(format!("an invalid patch: {error}")))
}
