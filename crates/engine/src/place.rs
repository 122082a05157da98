//! Where an evaluation runs.

/// Where an evaluation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the connection's task. For policies that are trusted to end within microseconds.
    Inline,
    /// On a thread of the pool. For policies that may use their whole time.
    Pool,
}
