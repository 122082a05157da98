//! The errors of finding, building and fetching programs.

use std::path::PathBuf;

/// Why a program is not available.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program must be built, and Go is missing.
    #[error(
        "{missing} not found: set ORDINANCE_TOOLS or KUBEBUILDER_ASSETS to a folder that has them, or install Go 1.26 or \
         newer to build them"
    )]
    NoGo {
        /// The programs, separated by commas.
        missing: String,
    },
    /// Go failed.
    #[error("{tool} could not be built: {output}")]
    Build {
        /// The program.
        tool: &'static str,
        /// The last lines of Go's output.
        output: String,
    },
    /// The program's package can't be fetched.
    #[error(
        "{tool} not found: set ORDINANCE_TOOLS to a folder that has it, or let apt fetch the package {package}, which failed: {output}"
    )]
    Package {
        /// The program.
        tool: &'static str,
        /// The Debian package.
        package: &'static str,
        /// The last error line.
        output: String,
    },
    /// The environment names no cache folder.
    #[error("there is no folder for built programs: set XDG_CACHE_HOME or HOME")]
    NoCache,
    /// The cache can't be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        error: std::io::Error,
    },
}
