//! A cluster as the place where a CA is kept and trusted: a Secret, webhook configurations, and a Lease for who writes.
//!
//! Everything is asked of the API server itself, one object by its name at a time, so that nothing is ever older than a
//! write that was done before.

mod configurations;
mod lease;
mod secret;

pub use configurations::{Configurations, FIELD_MANAGER, INTENDED_POLICIES};
pub use lease::Lease;
pub use secret::SecretStore;

use crate::store::Written;

/// What a conditional write led to: somebody else's change, or removal, is no error.
fn written<T>(outcome: kube::Result<T>) -> kube::Result<Written> {
    match outcome {
        Ok(_) => Ok(Written::Done),
        Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => Ok(Written::Conflict),
        Err(error) => Err(error),
    }
}
