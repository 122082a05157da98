//! Routes `/mutate/<policy>` and `/validate/<policy>` to policies.

use crate::events::EventQueue;
use crate::judge::Judge;
use crate::metrics::{Metrics, RouteMetrics};
use crate::review::OnError;
use arc_swap::ArcSwap;
use ordinance_contract::Phase;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The phases of webhooks. The first part of a path is the word of its phase.
const PHASES: [Phase; 2] = [Phase::Mutate, Phase::Validate];

/// A policy with its name, its answer to failures, and its metrics.
pub struct PolicyRoute {
    pub(super) policy: String,
    pub(super) judge: Arc<dyn Judge>,
    pub(super) on_error: OnError,
    pub(super) metrics: RouteMetrics,
    /// `None` if no Events are written.
    pub(super) events: Option<EventQueue>,
}

/// The policies of a server by name. Clones share them, and they can be replaced while the server runs.
#[derive(Clone, Debug, Default)]
pub struct Routes(Arc<ArcSwap<HashMap<String, Arc<PolicyRoute>>>>);

// === impl PolicyRoute ===

impl PolicyRoute {
    /// Returns the route of a policy. A request without a verdict is denied.
    pub fn new(policy: impl Into<String>, judge: Arc<dyn Judge>, metrics: &Metrics) -> Self {
        let policy = policy.into();
        let (metrics, on_error) = (metrics.route(&policy), OnError::default());
        Self { metrics, judge, on_error, events: None, policy }
    }

    /// Sets where to queue Events about requests that would be denied.
    #[must_use]
    pub fn events(self, events: Option<EventQueue>) -> Self {
        Self { events, ..self }
    }

    /// Sets the answer to a request without a verdict.
    #[must_use]
    pub fn on_error(self, on_error: OnError) -> Self {
        Self { on_error, ..self }
    }
}

impl fmt::Debug for PolicyRoute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PolicyRoute").field("policy", &self.policy).finish_non_exhaustive()
    }
}

// === impl Routes ===

impl Routes {
    /// Returns these routes. Of two with the same name, the last one counts.
    pub fn new(routes: impl IntoIterator<Item = PolicyRoute>) -> Self {
        let all = Self::default();
        all.replace(routes);
        all
    }

    /// Replaces all routes. Requests in progress keep their policy.
    pub fn replace(&self, routes: impl IntoIterator<Item = PolicyRoute>) {
        let by_name = routes.into_iter().map(|route| (route.policy.clone(), Arc::new(route))).collect();
        self.0.store(Arc::new(by_name));
    }

    /// Returns the path of each policy and phase, without a token, sorted.
    pub fn paths(&self) -> Vec<String> {
        let routes = self.0.load();
        let mut paths: Vec<String> = routes
            .keys()
            .flat_map(|policy| PHASES.map(|phase| format!("/{}/{policy}", phase.word())))
            .collect();
        paths.sort();
        paths
    }

    /// Returns the phase and the policy of a path.
    pub(super) fn find(&self, path: &str) -> Option<(Phase, Arc<PolicyRoute>)> {
        let (phase, policy) = split(path)?;
        self.0.load().get(policy).map(|route| (phase, Arc::clone(route)))
    }
}

fn split(path: &str) -> Option<(Phase, &str)> {
    let (word, policy) = path.strip_prefix('/')?.split_once('/')?;
    let phase = PHASES.into_iter().find(|phase| phase.word() == word)?;
    Some((phase, policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_a_path_into_phase_and_policy() {
        assert_eq!(split("/mutate/storage"), Some((Phase::Mutate, "storage")));
        assert_eq!(split("/validate/a.b"), Some((Phase::Validate, "a.b")));
        for path in ["", "/", "mutate/storage", "/mutate", "/Mutate/storage", "//mutate/storage"] {
            assert_eq!(split(path), None, "{path}");
        }
    }
}
