//! The policy under test: the functions of the contract, as the engine or a double answers them.

use ordinance_contract::{Description, HOLDINGS, Holding, Key, Request, Scope, Verdict};
use ordinance_engine::{LoadErrorKind, Metered, Policy, StartedReview};
use ordinance_index::Index;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time of one review. The engine's own limit is shorter; this one never ends a review that the engine would not.
const DEADLINE: Duration = Duration::from_secs(60);

/// A policy that cases can give any settings.
pub trait TestedPolicy: Sync {
    /// Returns the policy's description of itself.
    fn description(&self) -> &Description;

    /// Returns the policy with these settings, in JSON; empty settings are the defaults.
    ///
    /// # Errors
    ///
    /// Why the policy can't use them, in one line.
    fn with_settings(&self, settings: &str) -> Result<Arc<dyn ConfiguredPolicy>, String>;
}

/// A policy with settings. Errors say in one line why there is no answer.
pub trait ConfiguredPolicy: Send + Sync {
    /// Returns the keys of a stored object, or why the policy can't read it.
    ///
    /// # Errors
    ///
    /// The policy gave no answer.
    fn keys(&self, scope: &Scope<'_>, object: &str) -> Result<Result<Vec<Key>, String>, String>;

    /// Returns the verdict of one call with these holdings.
    ///
    /// # Errors
    ///
    /// The policy gave no verdict.
    fn review(&self, request: &Request<'_>, holdings: &[Holding]) -> Result<Verdict, String>;

    /// Reviews as a host does: without holdings first, and then, if the policy asks for keys, with those that `lookup`
    /// returns.
    ///
    /// # Errors
    ///
    /// The policy gave no verdict, or `lookup` no holdings.
    fn ask(&self, request: &Request<'_>, lookup: Lookup<'_>) -> Result<ReviewTrace, String>;
}

/// Returns the holdings that overlap keys.
pub type Lookup<'a> = &'a mut dyn FnMut(&[Key]) -> Result<Vec<Holding>, String>;

/// A review, step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewTrace {
    /// The keys that the policy asked for, with the holdings that it got; `None` if it decided at once.
    pub asked: Option<(Vec<Key>, Vec<Holding>)>,
    /// The verdict.
    pub verdict: Verdict,
    /// The fuel that the review burned; `None` if it was not counted.
    pub fuel: Option<u64>,
}

/// A policy of the engine, which keeps the policy of each settings that it has seen.
pub struct EnginePolicy {
    policy: Policy,
    configured: Mutex<HashMap<String, Result<Arc<ConfiguredEnginePolicy>, String>>>,
}

/// A policy of the engine with the settings of a case.
struct ConfiguredEnginePolicy(Policy);

// === impl EnginePolicy ===

impl EnginePolicy {
    /// Returns the policy for tests. Its engine should be metered.
    pub fn new(policy: Policy) -> Self {
        Self { policy, configured: Mutex::default() }
    }
}

impl TestedPolicy for EnginePolicy {
    fn description(&self) -> &Description {
        self.policy.description()
    }

    fn with_settings(&self, settings: &str) -> Result<Arc<dyn ConfiguredPolicy>, String> {
        let mut configured = self.configured.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = configured.entry(settings.to_owned()).or_insert_with(|| {
            let policy = self.policy.with_settings(settings);
            policy.map(|policy| Arc::new(ConfiguredEnginePolicy(policy))).map_err(|error| refused(&error))
        });
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

/// Returns the holdings of an index that overlap the keys of an object.
pub(crate) fn overlaps(index: &Index, keys: &[Key], object: &Scope<'_>) -> Result<Vec<Holding>, String> {
    index.overlaps(keys, object, HOLDINGS).map_err(|error| error.to_string())
}
