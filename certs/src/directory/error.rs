//! Why a directory can't be read, issued into or rotated.

use crate::authority::AuthorityError;
use crate::record::RecordError;
use crate::rotation::RotationError;
use crate::watched_files::UnreadableFile;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a directory can't be read, issued into or rotated. The directory is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A file or the directory can't be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableFile),
    /// A file or the directory can't be read or written.
    #[error("{}: {source}; give a directory that this process may write", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file that this library did not write has the name of one of its files.
    #[error("{}: already exists and was not issued here; give another directory", .0.display())]
    ForeignFile(PathBuf),
    /// There is no CA to rotate in the directory.
    #[error("{}: holds no CA", .0.display())]
    NoAuthority(PathBuf),
    /// The stored record is invalid.
    #[error("{}: {problem}; put back what was there, or give another directory", path.display())]
    InvalidRecord {
        /// The directory.
        path: PathBuf,
        /// The error.
        problem: RecordError,
    },
    /// The directory's CA is for other names.
    #[error("{}: its CA signs for {own}, not for {wanted}; give the same names, or another directory", path.display())]
    OtherNames {
        /// The directory.
        path: PathBuf,
        /// The names that the CA signs for.
        own: String,
        /// The requested names.
        wanted: String,
    },
    /// A requested name is invalid.
    #[error("{0:?} is neither a DNS name nor an address; give e.g. ordinance.ordinance-system.svc")]
    InvalidName(String),
    /// No name was requested for a new CA.
    #[error("no name is given; give DNS names and IP addresses")]
    NoNames,
    /// The lifetime of leaf certificates is out of range.
    #[error("a certificate lifetime of {} is too short or too long; give between 1s and 100 years", humantime::format_duration(*.0))]
    LeafLifetime(Duration),
    /// The lifetime of the CA is out of range.
    #[error(
        "a CA lifetime of {} is too short or too long; give at least three times the certificate lifetime, and at most 100 \
         years",
        humantime::format_duration(*.0)
    )]
    AuthorityLifetime(Duration),
    /// A CA or a leaf certificate could not be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The rotation can't decide.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// Every attempt conflicted with another writer.
    #[error("{}: other writers keep changing it; try again", .0.display())]
    Contended(PathBuf),
}
