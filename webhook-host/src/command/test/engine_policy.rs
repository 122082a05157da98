//! The policy under test, as the engine runs it.

use ordinance_contract::{Description, Holding, Key, Request, Scope, Verdict};
use ordinance_engine::{LoadErrorKind, Metered, Policy, StartedReview};
use ordinance_suite::{ConfiguredPolicy, Lookup, ReviewTrace, TestedPolicy};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time of one review. The engine's own limit is shorter; this one never ends a review that the engine would not.
const DEADLINE: Duration = Duration::from_secs(60);

/// A policy of the engine, which keeps the policy of each settings that it has seen.
pub(super) struct EnginePolicy {
    policy: Policy,
    configured: Mutex<HashMap<String, Result<Arc<ConfiguredEnginePolicy>, String>>>,
}

/// A policy of the engine with the settings of a case.
struct ConfiguredEnginePolicy(Policy);

// === impl EnginePolicy ===

impl EnginePolicy {
    /// Returns the policy for tests. Its engine should be metered.
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy, configured: Mutex::default() }
    }

    /// Returns the policy with these settings.
    ///
    /// # Errors
    ///
    /// Why the policy can't use them, in one line.
    pub(super) fn loaded(&self, settings: &str) -> Result<Policy, String> {
        self.policy.with_settings(settings).map_err(|error| refused(&error))
    }
}

impl TestedPolicy for EnginePolicy {
    fn description(&self) -> &Description {
        self.policy.description()
    }

    fn with_settings(&self, settings: &str) -> Result<Arc<dyn ConfiguredPolicy>, String> {
        let mut configured = self.configured.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = configured
            .entry(settings.to_owned())
            .or_insert_with(|| self.loaded(settings).map(|policy| Arc::new(ConfiguredEnginePolicy(policy))));
        policy.clone().map(|policy| policy as Arc<dyn ConfiguredPolicy>)
    }
}

fn refused(error: &LoadErrorKind) -> String {
    format!("settings: the policy {error}")
}

// === impl ConfiguredEnginePolicy ===

impl ConfiguredPolicy for ConfiguredEnginePolicy {
    fn keys(&self, scope: &Scope<'_>, object: &str) -> Result<Result<Vec<Key>, String>, String> {
        self.0.keys(scope, object).map_err(|failure| no_answer(&failure))
    }

    fn review(&self, request: &Request<'_>, holdings: &[Holding]) -> Result<Verdict, String> {
        self.0.review(request, holdings, Instant::now() + DEADLINE).map_err(|failure| no_answer(&failure))
    }

    fn ask(&self, request: &Request<'_>, lookup: Lookup<'_>) -> Result<ReviewTrace, String> {
        let Metered { answer, usage } = self.0.metered_start_review(request, Instant::now() + DEADLINE);
        match answer.map_err(|failure| no_answer(&failure))? {
            StartedReview::Decided(verdict) => Ok(ReviewTrace { asked: None, verdict, fuel: usage.fuel }),
            StartedReview::NeedsHoldings(keys, pending) => {
                let holdings = lookup(&keys)?;
                let Metered { answer, usage } = pending.metered_resume(&holdings);
                let verdict = answer.map_err(|failure| no_answer(&failure))?;
                Ok(ReviewTrace { asked: Some((keys, holdings)), verdict, fuel: usage.fuel })
            }
        }
    }
}

fn no_answer(failure: &impl std::fmt::Display) -> String {
    format!("the policy {failure}")
}
