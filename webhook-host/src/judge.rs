//! Who answers an admission request: the seam between the server and the policies.

use ordinance_contract::{Request, Verdict};
use ordinance_engine::{Failure, Place};
use std::time::Instant;

/// Answers admission requests. The server knows nothing else of a policy.
pub trait Judge: Send + Sync {
    /// The verdict on one request, reached before the deadline.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn judge(&self, request: &Request<'_>, deadline: Instant) -> Result<Verdict, Failure>;

    /// Where the server calls [`Judge::judge`].
    fn place(&self) -> Place;
}
