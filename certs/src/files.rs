//! A pair from files, e.g. of a Secret volume, and its replacement while the server runs.

use crate::pair::{Chain, ChainError, Key, KeyError, Mismatch, Pair};
use crate::served::Served;
use crate::watched::{Reload, Unreadable, Watched};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// A certificate file and its key file, and the pair that was last read from them.
#[derive(Debug)]
pub struct Files {
    paths: Paths,
    watched: Watched<2>,
    served: Arc<Served>,
}

#[derive(Debug)]
struct Paths {
    certificate: PathBuf,
    key: PathBuf,
}

/// Why the files can't be served.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file can't be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The certificate can't be used.
    #[error("{}: {problem}", path.display())]
    Chain {
        /// The certificate file.
        path: PathBuf,
        /// What is wrong.
        problem: ChainError,
    },
    /// The key can't be used.
    #[error("{}: {problem}", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong.
        problem: KeyError,
    },
    /// Each is good, but they do not belong together.
    #[error("{}: is not the key of {}; give the two files that were made together", key.display(), certificate.display())]
    Mismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
    },
}

// === impl FilesError ===

impl FilesError {
    /// Whether this file is at fault; of two that do not belong together, the key.
    pub fn blames(&self, file: &Path) -> bool {
        match self {
            Self::Unreadable(unreadable) => unreadable.path() == file,
            Self::Chain { path, .. } | Self::Key { path, .. } | Self::Mismatch { key: path, .. } => {
                path == file
            }
        }
    }
}

// === impl Files ===

impl Files {
    /// Reads the files for the first time.
    ///
    /// # Errors
    ///
    /// If the pair can't be served at `now`.
    pub fn open(certificate: &Path, key: &Path, now: SystemTime) -> Result<Self, FilesError> {
        let paths = Paths { certificate: certificate.to_owned(), key: key.to_owned() };
        let (watched, pair) = Watched::open(paths.both(), |bytes| paths.pair(bytes, now))?;
        Ok(Self { paths, watched, served: Arc::new(Served::new(pair)) })
    }

    /// What is served: the last good pair.
    pub fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served)
    }

    /// Looks at the files; publishes a new pair if it could have been served from the start.
    pub fn poll(&mut self, now: SystemTime) -> Reload<FilesError> {
        let Self { paths, watched, served } = self;
        watched.poll(|bytes| {
            served.publish(paths.pair(bytes, now)?);
            Ok(())
        })
    }
}

// === impl Paths ===

impl Paths {
    fn both(&self) -> [PathBuf; 2] {
        [self.certificate.clone(), self.key.clone()]
    }

    fn pair(&self, [chain, key]: &[Vec<u8>; 2], now: SystemTime) -> Result<Pair, FilesError> {
        let chain = Chain::from_pem(chain, now)
            .map_err(|problem| FilesError::Chain { path: self.certificate.clone(), problem })?;
        let key =
            Key::from_pem(key).map_err(|problem| FilesError::Key { path: self.key.clone(), problem })?;
        Pair::new(chain, key).map_err(|Mismatch| FilesError::Mismatch {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
        })
    }
}
