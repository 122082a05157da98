//! The interface between the HTTP server and the policies.

use futures_util::future::BoxFuture;
use ordinance_contract::{Request, Scope, Verdict};
use ordinance_engine::{Execution, Failure};
use std::sync::Arc;
use std::time::Instant;

/// Decides admission requests. The server knows a policy only by this trait.
pub trait Judge: Send + Sync {
    /// Returns the verdict on one request before the deadline.
    ///
    /// # Errors
    ///
    /// The reason why there is no verdict.
    fn judge(&self, request: &Request<'_>, deadline: Instant) -> Result<Verdict, Failure>;

    /// Returns whether the API server asks about this request of the mutating webhook again, by the validating one. Then
    /// the second verdict counts.
    fn is_asked_again(&self, _request: &Request<'_>) -> bool {
        false
    }

    /// Finds out whether these objects are stored, after [`Failure::Unconfirmed`]. Then the server calls [`Judge::judge`] again.
    fn confirm(self: Arc<Self>, _objects: Vec<Scope<'static>>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Returns where the server calls [`Judge::judge`]: in the connection's task or on the pool.
    fn execution(&self) -> Execution;
}
