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
    policies: Mutex<HashMap<String, Arc<Policy>>>,
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

    fn policy(&self, settings: &str) -> Result<Arc<Policy>, String> {
        let mut policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(policy) = policies.get(settings) {
            return Ok(Arc::clone(policy));
        }
        let policy = Policy::built_in(&self.engine, settings).map_err(|error| error.to_string())?;
        let policy = Arc::new(policy);
        policies.insert(settings.to_owned(), Arc::clone(&policy));
        Ok(policy)
    }
}

impl ordinance_case::PolicyFunctions for ComponentBuild {
    fn keys(&self, scope: &Scope<'_>, object: &str, settings: &str) -> Result<Vec<Key>, String> {
        self.policy(settings)?.keys(scope, object).map_err(|failure| failure.to_string())?
    }

    /// With holdings, reviews in one step and in two, and fails unless both verdicts are equal.
    fn review(
        &self,
        request: &Request<'_>,
        settings: &str,
        holdings: Option<&[Holding]>,
    ) -> Result<Outcome, String> {
        let policy = self.policy(settings)?;
        let deadline = Instant::now() + REVIEW_TIMEOUT;
        let opened = policy.start_review(request, deadline).map_err(|failure| failure.to_string())?;
        let verdict = match (opened, holdings) {
            (StartedReview::Decided(verdict), _) => verdict,
            (StartedReview::NeedsHoldings(keys, _), None) => return Ok(Outcome::Needs(keys)),
            (StartedReview::NeedsHoldings(_, inquiry), Some(holdings)) => {
                inquiry.resume(holdings).map_err(|failure| failure.to_string())?
            }
        };
        let at_once = policy.review(request, holdings.unwrap_or_default(), deadline);
        match at_once.map_err(|failure| failure.to_string())? {
            same if same == verdict => Ok(Outcome::Decided(verdict)),
            other => Err(format!("the verdict in two steps is {verdict:?}, and in one step {other:?}")),
        }
    }
}
