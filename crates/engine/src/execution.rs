//! On which thread an evaluation runs.

/// On which thread an evaluation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// In the connection's task, unless the body is large. For policies whose time is proportional to the size of the body.
    Inline,
    /// On a thread of the pool. For policies that may use their whole time.
    ThreadPool,
}
