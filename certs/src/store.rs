//! The interface to the place where a record is stored, with compare-and-swap.

use crate::record::SecretData;
use std::error::Error;

/// The stored entries, and the version that a conditional write refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntries {
    /// Entries by name; empty if nothing is stored.
    pub data: SecretData,
    /// The version of these entries.
    pub version: StoreVersion,
}

/// A version of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreVersion {
    /// The store does not exist yet.
    Absent,
    /// An opaque name that no other version has, e.g. a `resourceVersion`.
    At(String),
}

/// The result of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The write succeeded.
    Done,
    /// The object has another version by now; the call wrote nothing.
    Conflict,
}

// === impl StoredEntries ===

impl StoredEntries {
    /// Returns no entries, of a store that does not exist yet.
    pub(crate) fn absent() -> Self {
        Self { data: SecretData::new(), version: StoreVersion::Absent }
    }
}

/// A store of one record, with compare-and-swap.
pub trait Store: Send + Sync {
    /// The error of a failed read or write.
    type Error: Error + Send + Sync + 'static;

    /// Reads all entries. The result is never older than a write that has completed.
    fn read(&self) -> impl Future<Output = Result<StoredEntries, Self::Error>> + Send;

    /// Replaces all entries if the store still has the version `over`.
    fn write(
        &self,
        data: &SecretData,
        over: &StoreVersion,
    ) -> impl Future<Output = Result<WriteOutcome, Self::Error>> + Send;
}
