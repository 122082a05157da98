//! The component behind the host's own index, as the server calls it.

use ordinance::admission::Admission;
use ordinance::judge::Judge;
use ordinance::limits::Limits;
use ordinance_case::Build;
use ordinance_contract::{Key, Request, Scope, Verdict};
use ordinance_engine::{Engine, Policy};
use ordinance_manifests::Manifest;
use std::time::{Duration, Instant};

/// Longer than any review takes, even on a busy machine.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(60);

/// The server's judge.
pub struct HostBuild {
    engine: Engine,
    limits: Limits,
}

// === impl HostBuild ===

impl HostBuild {
    /// Creates an engine with room for the instances of all threads.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no engine.
    pub fn new() -> Result<Self, String> {
        let limits = Limits { policy_time: REVIEW_TIMEOUT, ..Limits::default() };
        let engine = Engine::new(limits.engine()).map_err(|error| error.to_string())?;
        Ok(Self { engine, limits })
    }
}

impl Build for HostBuild {
    fn verdict(&self, settings: &str, state: &[Manifest], request: &Request<'_>) -> Result<Verdict, String> {
        let policy = Policy::built_in(&self.engine, settings).map_err(|error| error.to_string())?;
        let admission = Admission::new(policy, &self.limits);
        let objects = state.iter().map(|object| (object.scope.clone(), object.json.as_str()));
        admission
            .fill(objects)
            .and_then(|_left_out| admission.judge(request, Instant::now() + REVIEW_TIMEOUT))
            .map_err(|failure| failure.to_string())
    }

    fn keys(
        &self,
        settings: &str,
        scope: &Scope<'_>,
        object: &str,
    ) -> Result<Result<Vec<Key>, String>, String> {
        let policy = Policy::built_in(&self.engine, settings).map_err(|error| error.to_string())?;
        policy.keys(scope, object).map_err(|failure| failure.to_string())
    }
}
