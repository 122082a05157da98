//! The interface between the HTTP server and the policies.

use crate::reservations::{Reserving, Unreserved};
use futures_util::future::BoxFuture;
use ordinance_contract::{Request, Scope, Verdict};
use ordinance_engine::{Execution, Failure, UnreservedObject};
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

    /// Returns the verdict on one request that may have a reservation. Without one, [`Failure::Unreserved`] says that the
    /// request needs it.
    ///
    /// # Errors
    ///
    /// The reason why there is no verdict.
    fn judge_reserving(
        &self,
        request: &Request<'_>,
        deadline: Instant,
        _reserving: &Reserving,
    ) -> Result<Verdict, Failure> {
        self.judge(request, deadline)
    }

    /// Returns whether the API server asks about this request of the mutating webhook again, by the validating one. Then
    /// the second verdict counts.
    fn is_asked_again(&self, _request: &Request<'_>) -> bool {
        false
    }

    /// Finds out whether these objects are stored, after [`Failure::Unconfirmed`]. Then the server calls [`Judge::judge`] again.
    fn confirm(self: Arc<Self>, _objects: Vec<Scope<'static>>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Reserves the keys of an object, after [`Failure::Unreserved`]. Then the server calls [`Judge::judge_reserving`] again.
    fn reserve(
        self: Arc<Self>,
        _object: UnreservedObject,
        _deadline: Instant,
    ) -> BoxFuture<'static, Reserving> {
        Box::pin(std::future::ready(Reserving::Off(Unreserved::Unavailable)))
    }

    /// Returns where the server calls [`Judge::judge`]: in the connection's task or on the pool.
    fn execution(&self) -> Execution;
}
