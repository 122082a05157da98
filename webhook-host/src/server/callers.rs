//! The callers whose requests a server answers, known by the secret token in the path that the webhook configurations have.

use arc_swap::ArcSwap;
use ordinance_certs::{AcceptedPath, AcceptedPaths};
use prometheus_client::metrics::gauge::Gauge;
use std::sync::Arc;

/// Decides which paths a server accepts. Clones share the decision, and it can be replaced while the server runs.
#[derive(Clone, Debug)]
pub struct Callers {
    paths: Arc<ArcSwap<AcceptedPaths>>,
    has_certificates: bool,
    /// 1 while every client that reaches the server can ask for reviews, otherwise 0.
    unverified: Gauge,
}

// === impl Callers ===

impl Callers {
    /// Accepts no path yet. `has_certificates` tells whether clients need a certificate of a configured CA.
    pub fn new(has_certificates: bool, unverified: Gauge) -> Self {
        Self { paths: Arc::default(), has_certificates, unverified }
    }

    /// Accepts every path without a token, from every client.
    pub fn anyone() -> Self {
        let callers = Self::new(false, Gauge::default());
        callers.paths.store(Arc::new(AcceptedPaths::anyone()));
        callers
    }

    /// Replaces the accepted paths. Logs a warning when callers become unverified.
    pub fn accept(&self, paths: AcceptedPaths) {
        let is_unverified = paths.anyone && !self.has_certificates;
        self.paths.store(Arc::new(paths));
        if is_unverified && self.unverified.get() == 0 {
            tracing::warn!(
                "callers are not verified: every client that reaches this server can ask for reviews, which it may remember; use a \
                 self-managed certificate, give --client-ca FILE, or let only the API server reach it"
            );
        }
        self.unverified.set(is_unverified.into());
    }

    /// Returns whether callers need no token in the path.
    pub(super) fn is_open(&self) -> bool {
        self.paths.load().anyone
    }

    /// Returns a path without its token, and whether only the API server can have sent it; or `None` if the path is not accepted.
    pub(super) fn accept_path<'p>(&self, path: &'p str) -> Option<(&'p str, bool)> {
        let AcceptedPath { path, has_token } = self.paths.load().accept(path)?;
        Some((path, has_token || self.has_certificates))
    }
}
