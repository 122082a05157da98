//! The exit codes of the binary.

use std::process::ExitCode;

/// The exit code of a run. The greater of two is that of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: nothing was refused.
    Success,
    /// 1: something was refused.
    Refused,
    /// 2: an error occurred, or something could not be checked.
    Error,
    /// 64: the command line is invalid.
    Usage,
}

// === impl Exit ===

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Refused => Self::from(1),
            Exit::Error => Self::from(2),
            // EX_USAGE of sysexits.h.
            Exit::Usage => Self::from(64),
        }
    }
}
