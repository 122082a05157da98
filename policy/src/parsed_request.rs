//! What every kind of object under review has in common.

use ordinance_contract::{Holding, Key, Verdict};

/// A parsed request for one kind of object.
pub(crate) trait ParsedRequest {
    /// Returns the keys on whose holdings the verdict depends; empty if it depends on no other object.
    fn keys(&self) -> Vec<Key>;

    /// Returns the verdict, given all holdings that overlap [`ParsedRequest::keys`].
    fn verdict(&self, holdings: &[Holding]) -> Verdict;
}
