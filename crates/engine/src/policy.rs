//! A loaded policy: each function of the contract is called on a fresh instance.

use super::Engine;
use super::bindings::{Holdings, all, rules};
use super::budget::RemainingBudget;
use super::guest::{Guest, GuestInstance};
use super::managed_fields::without_managed_fields;
use crate::{Execution, Failure};
use ordinance_contract::{
    Description, Finding, Holding, Key, Phase, Problem, Request, Rule, Scope, Severity, Verdict,
};
use serde::de::IgnoredAny;
use std::time::Instant;

/// A loaded component with its settings.
pub struct Policy {
    pub(super) engine: Engine,
    pub(super) guest: Guest,
    pub(super) description: Description,
    pub(super) settings: String,
    pub(super) execution: Execution,
}

/// The result of [`Policy::start_review`]: a verdict, or a review that waits for holdings.
pub enum StartedReview<'p> {
    /// The verdict depends on no other object.
    Decided(Verdict),
    /// The verdict depends on the holdings that overlap these keys.
    NeedsHoldings(Vec<Key>, PendingReview<'p>),
}

/// A review that a guest can finish once it gets the overlapping holdings. Keeps the guest's instance.
pub struct PendingReview<'p> {
    call: Call,
    phase: Phase,
    rules: &'p [Rule],
}

/// A fresh instance, with a method for each function of the contract.
pub(super) struct Call(pub(super) GuestInstance);

// === impl Policy ===

impl Policy {
    /// Returns the policy's description of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Returns the settings as JSON; empty for the defaults.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// Returns on which thread reviews run: inline for the built-in policy, on the thread pool for any other.
    pub fn execution(&self) -> Execution {
        self.execution
    }

    /// Returns whether the host must index objects of this scope. A subresource is not indexed.
    pub fn watches(&self, scope: &Scope<'_>) -> bool {
        scope.subresource.is_empty()
            && self.description.watches(&scope.group, &scope.version, &scope.resource)
    }

    /// Returns true if this is the policy that is embedded in the binary.
    pub fn is_built_in(&self) -> bool {
        // Only the embedded policy is trusted to end by itself.
        self.execution == Execution::Inline
    }

    /// Returns the keys of a stored object, or in one line why the policy can't read it.
    ///
    /// # Errors
    ///
    /// The reason why the policy gave no answer.
    pub fn keys(&self, scope: &Scope<'_>, object: &str) -> Result<Result<Vec<Key>, String>, Failure> {
        self.call(self.engine.budget.without_deadline())?.keys(scope, object, &self.settings)
    }

    /// Returns the verdict on a request, given all holdings that overlap its keys.
    ///
    /// # Errors
    ///
    /// The reason why there is no verdict.
    pub fn review(
        &self,
        request: &Request<'_>,
        holdings: &[Holding],
        deadline: Instant,
    ) -> Result<Verdict, Failure> {
        let mut call = self.call(self.engine.budget.until(deadline)?)?;
        match call.review(request, &self.settings, Some(holdings))? {
            rules::Outcome::Decided(verdict) => checked(verdict, request.phase, &self.description.rules),
            rules::Outcome::Needs(_) => {
                Err(Failure::InvalidResponse("it asked for holdings that it had received".to_owned()))
            }
        }
    }

    /// Starts a review on a fresh instance, and finishes it if the verdict depends on no other object.
    ///
    /// # Errors
    ///
    /// The reason why there is neither a verdict nor a list of keys.
    pub fn start_review(
        &self,
        request: &Request<'_>,
        deadline: Instant,
    ) -> Result<StartedReview<'_>, Failure> {
        let mut call = self.call(self.engine.budget.until(deadline)?)?;
        Ok(match call.review(request, &self.settings, None)? {
            rules::Outcome::Decided(verdict) => {
                StartedReview::Decided(checked(verdict, request.phase, &self.description.rules)?)
            }
            rules::Outcome::Needs(keys) => {
                StartedReview::NeedsHoldings(all(keys), self.pending(call, request.phase))
            }
        })
    }

    fn pending(&self, call: Call, phase: Phase) -> PendingReview<'_> {
        PendingReview { call, phase, rules: &self.description.rules }
    }

    fn call(&self, remaining: RemainingBudget) -> Result<Call, Failure> {
        self.guest.instantiate(remaining).map(Call).map_err(|error| remaining.failure(&error))
    }
}

// === impl PendingReview ===

impl PendingReview<'_> {
    /// Returns the verdict, given all holdings that overlap the keys.
    ///
    /// # Errors
    ///
    /// The reason why there is no verdict.
    pub fn resume(mut self, holdings: &[Holding]) -> Result<Verdict, Failure> {
        checked(self.call.resume(holdings)?, self.phase, self.rules)
    }
}

// === impl Call ===

impl Call {
    pub(super) fn describe(&mut self) -> Result<Description, Failure> {
        self.0.call(self.0.exports.describe, ()).map(|answer: rules::Description| answer.into())
    }

    pub(super) fn check_settings(&mut self, settings: &str) -> Result<Result<(), Vec<Problem>>, Failure> {
        let answer: Result<(), Vec<rules::Problem>> =
            self.0.call(self.0.exports.check_settings, (settings,))?;
        Ok(answer.map_err(all))
    }

    fn keys(
        &mut self,
        scope: &Scope<'_>,
        object: &str,
        settings: &str,
    ) -> Result<Result<Vec<Key>, String>, Failure> {
        let object = without_managed_fields(object);
        let scope = rules::ScopeParam::from(scope);
        let answer: Result<Vec<rules::Key>, String> =
            self.0.call(self.0.exports.keys, (scope, &*object, settings))?;
        Ok(answer.map(all))
    }

    fn review(
        &mut self,
        request: &Request<'_>,
        settings: &str,
        holdings: Option<&[Holding]>,
    ) -> Result<rules::Outcome, Failure> {
        let holdings = holdings.map(Holdings::from);
        let lowered = holdings.as_ref().map(Holdings::lowered);
        let [object, old_object] = [&request.object, &request.old_object]
            .map(|object| object.as_deref().map(without_managed_fields));
        let request =
            rules::Request { object: object.as_deref(), old_object: old_object.as_deref(), ..request.into() };
        self.0.call(self.0.exports.review, (request, settings, lowered.as_deref()))
    }

    fn resume(&mut self, holdings: &[Holding]) -> Result<rules::Verdict, Failure> {
        let holdings = Holdings::from(holdings);
        self.0.call(self.0.exports.resume, (&*holdings.lowered(),))
    }
}

/// Refuses a verdict with invalid findings, or whose patch is not an array or not wanted. Must run before the verdict's
/// object enters the index.
fn checked(verdict: rules::Verdict, phase: Phase, rules: &[Rule]) -> Result<Verdict, Failure> {
    let mut verdict = Verdict::from(verdict);
    for finding in &verdict.findings {
        check_finding(finding, rules).map_err(Failure::InvalidResponse)?;
    }
    let Some(patch) = &verdict.patch else { return Ok(verdict) };
    if phase != Phase::Mutate {
        return Err(Failure::InvalidResponse(format!("a patch in the phase {}", phase.word())));
    }
    match operations(patch) {
        Some(0) => verdict.patch = None,
        Some(_) => {}
        None => return Err(Failure::InvalidResponse("a patch that is not a JSON array".to_owned())),
    }
    Ok(verdict)
}

/// Refuses a finding of an undescribed rule, one that would be denied but is no warning, and fixes that are not arrays.
fn check_finding(finding: &Finding, rules: &[Rule]) -> Result<(), String> {
    let rule = &finding.rule;
    if !rules.iter().any(|described| described.id == *rule) {
        return Err(format!("a finding of the rule {rule:?}, which it does not describe"));
    }
    if finding.would_deny && finding.severity != Severity::Warn {
        return Err(format!("a finding of the rule {rule:?} with would-deny that is not a warning"));
    }
    if finding.fixes.iter().any(|fix| operations(&fix.patch).is_none()) {
        return Err(format!("a fix of the rule {rule:?} that is not a JSON array"));
    }
    Ok(())
}

/// Returns the number of operations of a JSON Patch, or `None` if it is not a JSON array.
fn operations(patch: &str) -> Option<usize> {
    serde_json::from_str::<Vec<IgnoredAny>>(patch).map(|list| list.len()).ok()
}
