//! On which thread an evaluation runs.

/// On which thread an evaluation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// In the connection's task. For policies that are trusted to end within microseconds.
    Inline,
    /// On a thread of the pool. For policies that may use their whole time.
    ThreadPool,
}
