//! A loaded policy: each review and each question for keys has an instance for itself.

use super::Engine;
use super::bindings::{Holdings, all, rules};
use super::budget::RemainingBudget;
use super::functions::{CheckSettings, Describe, Keys, Resume, Review};
use super::guest::{Guest, GuestInstance};
use super::managed_fields::without_managed_fields;
use super::plain_text::{PlainText, line};
use super::reuse::ReusedGuest;
use crate::{Execution, Failure, Metered, Usage};
use ordinance_contract::{
    Description, Finding, Holding, Key, MESSAGE_CHARS, Phase, Problem, Request, Rule, Scope, Severity,
    Verdict, one_line,
};
use ordinance_json::{OperationFault, PatchError, check_object_patch, check_patch};
use std::time::Instant;

/// The largest review that runs without time checks, in bytes: its objects, its user, the settings and the holdings together.
/// `tests/cost.rs` shows that the built-in policy executes at most 3 000 instructions a byte, so 100 million: some 50 ms.
pub const UNCHECKED_BYTES: usize = 32 * 1024;

/// A loaded component with its settings.
pub struct Policy {
    pub(super) engine: Engine,
    pub(super) guest: Guest,
    /// The same without time checks, for reviews of at most [`UNCHECKED_BYTES`]; `None` if every review has them.
    pub(super) unchecked: Option<ReusedGuest>,
    pub(super) description: Description,
    pub(super) settings: String,
    /// The settings as the policy reads them fastest.
    pub(super) prepared: String,
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
    call: Call<'p>,
    policy: &'p Policy,
    request: &'p Request<'p>,
    deadline: Instant,
    /// The size of the review without its holdings.
    bytes: usize,
}

/// An instance for one review, with a method for each function of the contract.
pub(super) struct Call<'p> {
    pub(super) instance: GuestInstance,
    /// Where the instance goes after the review; `None` if it is dropped.
    home: Option<&'p ReusedGuest>,
}

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
        self.metered_keys(scope, object).answer
    }

    /// Returns the keys as [`Policy::keys`] does. A policy that gives no answer can't read the object either.
    ///
    /// # Errors
    ///
    /// Why there are no keys, in one line.
    pub fn readable_keys(&self, scope: &Scope<'_>, object: &str) -> Result<Vec<Key>, String> {
        self.keys(scope, object).unwrap_or_else(|failure| Err(failure.to_string()))
    }

    /// Returns the keys as [`Policy::keys`] does, with what the call used.
    pub fn metered_keys(
        &self,
        scope: &Scope<'_>,
        object: &str,
    ) -> Metered<Result<Result<Vec<Key>, String>, Failure>> {
        self.metered(Ok(self.engine.budget.without_deadline()), object.len(), |call| {
            call.keys(scope, object, &self.prepared)
        })
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
        self.metered_review(request, holdings, deadline).answer
    }

    /// Returns the verdict as [`Policy::review`] does, with what the call used.
    pub fn metered_review(
        &self,
        request: &Request<'_>,
        holdings: &[Holding],
        deadline: Instant,
    ) -> Metered<Result<Verdict, Failure>> {
        let bytes = request_bytes(request) + holdings_bytes(holdings);
        self.metered(self.engine.budget.until(deadline), bytes, |call| {
            match call.review(request, &self.prepared, Some(holdings))? {
                rules::Outcome::Decided(verdict) => checked(verdict, request.phase, &self.description.rules),
                rules::Outcome::Needs(_) => {
                    Err(Failure::InvalidResponse("it asked for holdings that it had received".to_owned()))
                }
            }
        })
    }

    /// Starts a review, and finishes it if the verdict depends on no other object.
    ///
    /// # Errors
    ///
    /// The reason why there is neither a verdict nor a list of keys.
    pub fn start_review<'p>(
        &'p self,
        request: &'p Request<'p>,
        deadline: Instant,
    ) -> Result<StartedReview<'p>, Failure> {
        self.metered_start_review(request, deadline).answer
    }

    /// Starts a review as [`Policy::start_review`] does, with what the call used. If the review is pending,
    /// [`PendingReview::metered_resume`] returns what both calls used.
    pub fn metered_start_review<'p>(
        &'p self,
        request: &'p Request<'p>,
        deadline: Instant,
    ) -> Metered<Result<StartedReview<'p>, Failure>> {
        let bytes = request_bytes(request);
        let call = self.engine.budget.until(deadline).and_then(|remaining| self.call(remaining, bytes));
        let mut call = match call {
            Ok(call) => call,
            Err(failure) => return Metered { answer: Err(failure), usage: Usage::default() },
        };
        let outcome = call.review(request, &self.prepared, None);
        let usage = call.instance.usage();
        let answer = outcome.and_then(|outcome| match outcome {
            rules::Outcome::Decided(verdict) => {
                let verdict = checked(verdict, request.phase, &self.description.rules)?;
                call.finish();
                Ok(StartedReview::Decided(verdict))
            }
            rules::Outcome::Needs(keys) => {
                let pending = PendingReview { call, policy: self, request, deadline, bytes };
                Ok(StartedReview::NeedsHoldings(all(keys), pending))
            }
        });
        Metered { answer, usage }
    }

    /// Calls a function that is the only one of a review.
    fn metered<T>(
        &self,
        remaining: Result<RemainingBudget, Failure>,
        bytes: usize,
        function: impl FnOnce(&mut Call) -> Result<T, Failure>,
    ) -> Metered<Result<T, Failure>> {
        match remaining.and_then(|remaining| self.call(remaining, bytes)) {
            Ok(mut call) => {
                let answer = function(&mut call);
                call.ended(answer)
            }
            Err(failure) => Metered { answer: Err(failure), usage: Usage::default() },
        }
    }

    /// Returns an instance for a review of this size, without the settings.
    fn call(&self, remaining: RemainingBudget, bytes: usize) -> Result<Call<'_>, Failure> {
        let Some(reused) = self.unchecked_for(bytes) else { return self.fresh_call(remaining, bytes) };
        let instance = reused.instance(remaining).map_err(|error| remaining.failure(&error))?;
        Ok(Call { instance, home: Some(reused) })
    }

    /// Returns a fresh instance for a review of this size, without the settings.
    pub(super) fn fresh_call(
        &self,
        remaining: RemainingBudget,
        bytes: usize,
    ) -> Result<Call<'static>, Failure> {
        let guest = self.unchecked_for(bytes).map_or(&self.guest, ReusedGuest::guest);
        guest.instantiate(remaining).map(Call::fresh).map_err(|error| remaining.failure(&error))
    }

    /// Returns the guest without time checks, if a review of this size, without the settings, may run on it.
    fn unchecked_for(&self, bytes: usize) -> Option<&ReusedGuest> {
        self.unchecked.as_ref().filter(|_| bytes + self.prepared.len() <= UNCHECKED_BYTES)
    }
}

/// Returns the size of a request, as far as the policy reads it.
pub(super) fn request_bytes(request: &Request<'_>) -> usize {
    let objects = [&request.object, &request.old_object];
    let objects: usize = objects.into_iter().flatten().map(|object| object.len()).sum();
    objects + request.user_info.len()
}

fn holdings_bytes(holdings: &[Holding]) -> usize {
    let bytes = holdings.iter().map(|Holding { holder, realm, path, note, .. }| {
        let path: usize = path.iter().map(String::len).sum();
        holder.namespace.len() + holder.name.len() + realm.len() + path + note.len()
    });
    bytes.sum()
}

// === impl PendingReview ===

impl PendingReview<'_> {
    /// Returns the verdict, given all holdings that overlap the keys.
    ///
    /// # Errors
    ///
    /// The reason why there is no verdict.
    pub fn resume(self, holdings: &[Holding]) -> Result<Verdict, Failure> {
        self.metered_resume(holdings).answer
    }

    /// Returns the verdict as [`PendingReview::resume`] does, with what the whole review used.
    pub fn metered_resume(self, holdings: &[Holding]) -> Metered<Result<Verdict, Failure>> {
        let Self { mut call, policy, request, deadline, bytes } = self;
        let is_unchecked = |bytes| policy.unchecked_for(bytes).is_some();
        if is_unchecked(bytes) && !is_unchecked(bytes + holdings_bytes(holdings)) {
            // The holdings make the review too large for an instance without time checks, so it runs again on one with them.
            return policy.metered_review(request, holdings, deadline);
        }
        let verdict = call
            .resume(holdings)
            .and_then(|verdict| checked(verdict, request.phase, &policy.description.rules));
        call.ended(verdict)
    }
}

// === impl Call ===

impl Call<'_> {
    pub(super) const fn fresh(instance: GuestInstance) -> Self {
        Self { instance, home: None }
    }

    /// Ends the review with its answer, for which the host has checked the verdict.
    fn ended<T>(self, answer: Result<T, Failure>) -> Metered<Result<T, Failure>> {
        let usage = self.instance.usage();
        if answer.is_ok() {
            self.finish();
        }
        Metered { answer, usage }
    }

    /// Ends a review that did not fail.
    fn finish(self) {
        if let Some(home) = self.home {
            home.give_back(self.instance);
        }
    }

    pub(super) fn describe(&mut self) -> Result<Description, Failure> {
        Ok(plain(self.instance.call::<Describe>(())?.into()))
    }

    /// Returns the settings as the policy reads them fastest.
    pub(super) fn check_settings(&mut self, settings: &str) -> Result<Result<String, Vec<Problem>>, Failure> {
        let answer = self.instance.call::<CheckSettings>((settings,))?;
        Ok(answer.map_err(|problems| plain(all(problems))))
    }

    fn keys(
        &mut self,
        scope: &Scope<'_>,
        object: &str,
        settings: &str,
    ) -> Result<Result<Vec<Key>, String>, Failure> {
        let object = without_managed_fields(object);
        let scope = rules::ScopeParam::from(scope);
        let answer = self.instance.call::<Keys>((scope, &*object, settings))?;
        Ok(answer.map(all).map_err(|mut reason| {
            line(&mut reason, MESSAGE_CHARS);
            reason
        }))
    }

    pub(super) fn review(
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
        self.instance.call::<Review>((request, settings, lowered.as_deref()))
    }

    pub(super) fn resume(&mut self, holdings: &[Holding]) -> Result<rules::Verdict, Failure> {
        let holdings = Holdings::from(holdings);
        self.instance.call::<Resume>((&*holdings.lowered(),))
    }
}

/// Returns a value of a policy with plain texts.
fn plain<T: PlainText>(mut value: T) -> T {
    value.make_plain();
    value
}

/// Makes the texts of a verdict plain. Refuses one with invalid findings, or whose patch is no JSON Patch or not wanted. Must
/// run before the verdict's object enters the index.
pub(super) fn checked(verdict: rules::Verdict, phase: Phase, rules: &[Rule]) -> Result<Verdict, Failure> {
    let mut verdict = plain(Verdict::from(verdict));
    for finding in &verdict.findings {
        check_finding(finding, rules).map_err(invalid)?;
    }
    let Some(patch) = &verdict.patch else { return Ok(verdict) };
    if phase != Phase::Mutate {
        return Err(invalid(format!("a patch in the phase {}", phase.word())));
    }
    match check_object_patch(patch) {
        Ok(0) => verdict.patch = None,
        Ok(_) => {}
        Err(error) => return Err(invalid(format!("a patch that {}", patch_fault(&error)))),
    }
    Ok(verdict)
}

/// Refuses a finding of an undescribed rule, one that would be denied but is no warning, and fixes that are no JSON
/// Patches.
fn check_finding(finding: &Finding, rules: &[Rule]) -> Result<(), String> {
    let rule = &finding.rule;
    if !rules.iter().any(|described| described.id == *rule) {
        return Err(format!("a finding of the rule {rule:?}, which it does not describe"));
    }
    if finding.would_deny && finding.severity != Severity::Warn {
        return Err(format!("a finding of the rule {rule:?} with would-deny that is not a warning"));
    }
    for fix in &finding.fixes {
        check_patch(&fix.patch)
            .map_err(|error| format!("a fix of the rule {rule:?} that {}", patch_fault(&error)))?;
    }
    Ok(())
}

/// Returns why a patch can't be used.
fn patch_fault(error: &PatchError) -> String {
    match error {
        PatchError::Operation { fault: OperationFault::Identity(_), .. } => {
            format!("is not allowed: {error}")
        }
        _ => format!("is not a JSON Patch (RFC 6902): {error}"),
    }
}

/// Returns the failure of an invalid response. The reason may quote the response.
fn invalid(reason: String) -> Failure {
    Failure::InvalidResponse(one_line(&reason, MESSAGE_CHARS).into_owned())
}
