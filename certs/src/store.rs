//! Where a record is kept: something that changes only if nobody else changed it meanwhile.

use crate::record::Data;
use std::error::Error;

/// What is stored, and how to tell whether it still is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Names and contents; empty if there is nothing.
    pub data: Data,
    /// What a write goes over.
    pub version: Version,
}

/// One state of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// There is nothing.
    Absent,
    /// A state with a name that no other state has.
    At(String),
}

/// What became of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is there.
    Done,
    /// Somebody else was faster; nothing was written.
    Conflict,
}

/// A place for one record, with compare-and-swap.
pub trait Store: Send + Sync {
    /// What can go wrong.
    type Error: Error + Send + Sync + 'static;

    /// What is stored now: never anything older than a write that was done before.
    fn read(&self) -> impl Future<Output = Result<Stored, Self::Error>> + Send;

    /// Writes everything anew, over one state alone.
    fn write(&self, data: &Data, over: &Version)
    -> impl Future<Output = Result<Written, Self::Error>> + Send;
}
