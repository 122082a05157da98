//! The results of conditional writes.

use crate::store::WriteOutcome;

/// Treats a conflict, or the removal of the object, as an outcome and not as an error.
pub(super) fn write_outcome<T>(result: kube::Result<T>) -> kube::Result<WriteOutcome> {
    match result {
        Ok(_) => Ok(WriteOutcome::Done),
        Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => Ok(WriteOutcome::Conflict),
        Err(error) => Err(error),
    }
}
