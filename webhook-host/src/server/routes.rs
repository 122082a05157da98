//! Which policy answers which path: `/mutate/<policy>` and `/validate/<policy>`.

use crate::judge::Judge;
use crate::metrics::{Metrics, RouteMetrics};
use crate::review::OnError;
use arc_swap::ArcSwap;
use ordinance_contract::Phase;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A policy as the server sees it.
pub struct Route {
    pub(super) policy: String,
    pub(super) judge: Arc<dyn Judge>,
    pub(super) on_error: OnError,
    pub(super) metrics: RouteMetrics,
}

/// The policies of a server; clones share them, and they can be replaced while it runs.
#[derive(Clone, Debug, Default)]
pub struct Routes(Arc<ArcSwap<HashMap<String, Arc<Route>>>>);

// === impl Route ===

impl Route {
    /// A policy of this name. What becomes of a request without a verdict is a refusal.
    pub fn new(policy: impl Into<String>, judge: Arc<dyn Judge>, metrics: &Metrics) -> Self {
        let policy = policy.into();
        Self { metrics: metrics.route(&policy), judge, on_error: OnError::default(), policy }
    }

    /// The same with another answer where there is no verdict.
    #[must_use]
    pub fn on_error(self, on_error: OnError) -> Self {
        Self { on_error, ..self }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Route").field("policy", &self.policy).finish_non_exhaustive()
    }
}

// === impl Routes ===

impl Routes {
    /// These policies; of two with one name the last.
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Self {
        let all = Self::default();
        all.replace(routes);
        all
    }

    /// Puts these policies in the place of all others. Requests under way keep theirs.
    pub fn replace(&self, routes: impl IntoIterator<Item = Route>) {
        let by_name = routes.into_iter().map(|route| (route.policy.clone(), Arc::new(route))).collect();
        self.0.store(Arc::new(by_name));
    }

    /// Which policy a path asks, and in which phase.
    pub(super) fn find(&self, path: &str) -> Option<(Phase, Arc<Route>)> {
        let (phase, policy) = split(path)?;
        self.0.load().get(policy).map(|route| (phase, Arc::clone(route)))
    }
}

fn split(path: &str) -> Option<(Phase, &str)> {
    let (phase, policy) = path.strip_prefix('/')?.split_once('/')?;
    match phase {
        "mutate" => Some((Phase::Mutate, policy)),
        "validate" => Some((Phase::Validate, policy)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_phase_and_a_policy() {
        assert_eq!(split("/mutate/storage"), Some((Phase::Mutate, "storage")));
        assert_eq!(split("/validate/a.b"), Some((Phase::Validate, "a.b")));
        for path in ["", "/", "mutate/storage", "/mutate", "/Mutate/storage", "//mutate/storage"] {
            assert_eq!(split(path), None, "{path}");
        }
    }
}
