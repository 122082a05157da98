//! Where an evaluation runs.

/// Where a judge runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the connection's own task: takes microseconds and is trusted to end.
    Inline,
    /// On a thread of the pool: may use up its time.
    Pool,
}
