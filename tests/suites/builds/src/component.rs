//! The component that the host embeds, run by the host's engine.

use ordinance::limits::Limits;
use ordinance_contract::{Holding, Key, Outcome, Request, Scope};
use ordinance_engine::{Engine, Policy, StartedReview};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longer than any review takes, even on a busy machine.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(60);

/// The embedded component.
pub struct ComponentBuild {
    engine: Engine,
    /// The policies by their settings.
    policies: Mutex<HashMap<String, Arc<BuiltInPolicy>>>,
}

/// The built-in policy with the same settings twice.
struct BuiltInPolicy {
    /// As the server runs it: small reviews without time checks.
    served: Policy,
    /// Every review with time checks.
    checked: Policy,
}

// === impl ComponentBuild ===

impl ComponentBuild {
    /// Creates an engine with room for the instances of all threads.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no engine.
    pub fn new() -> Result<Self, String> {
        let limits = Limits { policy_time: REVIEW_TIMEOUT, ..Limits::default() };
        let engine = Engine::new(limits.engine()).map_err(|error| error.to_string())?;
        Ok(Self { engine, policies: Mutex::default() })
    }

    fn policy(&self, settings: &str) -> Result<Arc<BuiltInPolicy>, String> {
        let mut policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(policy) = policies.get(settings) {
            return Ok(Arc::clone(policy));
        }
        let load = || Policy::built_in(&self.engine, settings).map_err(|error| error.to_string());
        let policy = Arc::new(BuiltInPolicy { served: load()?, checked: load()?.with_time_checks() });
        policies.insert(settings.to_owned(), Arc::clone(&policy));
        Ok(policy)
    }
}

impl ordinance_case::PolicyFunctions for ComponentBuild {
    fn keys(&self, scope: &Scope<'_>, object: &str, settings: &str) -> Result<Vec<Key>, String> {
        let policy = self.policy(settings)?;
        let keys = |policy: &Policy| policy.keys(scope, object).map_err(|failure| failure.to_string())?;
        let (served, checked) = (keys(&policy.served), keys(&policy.checked));
        if served == checked {
            served
        } else {
            Err(format!("with time checks: {checked:?}; without: {served:?}"))
        }
    }

    /// With holdings, reviews in one step and in two, and in one step with time checks, and fails unless all verdicts are equal.
    fn review(
        &self,
        request: &Request<'_>,
        settings: &str,
        holdings: Option<&[Holding]>,
    ) -> Result<Outcome, String> {
        let policy = self.policy(settings)?;
        let deadline = Instant::now() + REVIEW_TIMEOUT;
        let opened = policy.served.start_review(request, deadline).map_err(|failure| failure.to_string())?;
        let verdict = match (opened, holdings) {
            (StartedReview::Decided(verdict), _) => verdict,
            (StartedReview::NeedsHoldings(keys, _), None) => return Ok(Outcome::Needs(keys)),
            (StartedReview::NeedsHoldings(_, inquiry), Some(holdings)) => {
                inquiry.resume(holdings).map_err(|failure| failure.to_string())?
            }
        };
        for (policy, how) in [(&policy.served, "in one step"), (&policy.checked, "with time checks")] {
            let other = policy.review(request, holdings.unwrap_or_default(), deadline);
            let other = other.map_err(|failure| failure.to_string())?;
            if other != verdict {
                return Err(format!("the verdict in two steps is {verdict:?}, and {how} {other:?}"));
            }
        }
        Ok(Outcome::Decided(verdict))
    }
}
