//! A program that a build calls.

use crate::sources::BuildError;
use std::io::{self, ErrorKind};

/// A program, and how to install it.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) remedy: &'static str,
}

// === impl Program ===

impl Program {
    /// Returns why the program can't be run.
    pub(crate) fn error(self, error: io::Error) -> BuildError {
        match error.kind() {
            ErrorKind::NotFound => BuildError::NoTool { tool: self.name, remedy: self.remedy },
            _ => BuildError::Tool { tool: self.name, error },
        }
    }
}
