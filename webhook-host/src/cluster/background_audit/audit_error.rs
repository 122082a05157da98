//! Why an audit did not end.

use super::super::watch_error::WatchError;

/// Why an audit did not end.
#[derive(Debug, thiserror::Error)]
pub(super) enum AuditError {
    /// A resource could not be listed.
    #[error("{0}")]
    List(WatchError),
    /// Requests used every instance, or the index was not current, for too long.
    #[error("the index is not current, or requests use every instance; the audit starts again later")]
    NotReady,
    /// The thread of the audit panicked, or could not be started.
    #[error(
        "the thread of the audit ended; this is a bug in Ordinance, or the system has no resources for threads"
    )]
    Thread,
}

// === impl AuditError ===

impl AuditError {
    /// Returns the cause as a metric label.
    pub(super) const fn cause(&self) -> &'static str {
        match self {
            Self::List(error) => error.cause.as_str(),
            Self::NotReady => "not_ready",
            Self::Thread => "thread",
        }
    }
}
