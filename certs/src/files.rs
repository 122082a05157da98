//! A serving certificate from files, e.g. of a Secret volume, reloaded while the server runs.

use crate::certificate::{
    CertificateChain, ChainError, KeyMismatch, PrivateKey, PrivateKeyError, ServingCertificate,
};
use crate::resolver::CertificateResolver;
use crate::watched_files::{Reload, UnreadableFile, WatchedFiles};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// A certificate file and a key file, and the last valid certificate read from them.
#[derive(Debug)]
pub struct Files {
    paths: PairPaths,
    watched: WatchedFiles<2>,
    resolver: Arc<CertificateResolver>,
}

#[derive(Debug)]
struct PairPaths {
    certificate: PathBuf,
    key: PathBuf,
}

/// Why a certificate file and a key file can't be served.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file can't be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableFile),
    /// The certificate is unusable.
    #[error("{}: {problem}", path.display())]
    Chain {
        /// The certificate file.
        path: PathBuf,
        /// The error.
        problem: ChainError,
    },
    /// The private key is unusable.
    #[error("{}: {problem}", path.display())]
    PrivateKey {
        /// The key file.
        path: PathBuf,
        /// The error.
        problem: PrivateKeyError,
    },
    /// Both are valid, but the key belongs to another certificate.
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
    /// Returns whether the error is about `file`. A mismatch is about the key file.
    pub fn blames(&self, file: &Path) -> bool {
        match self {
            Self::Unreadable(unreadable) => unreadable.path() == file,
            Self::Chain { path, .. } | Self::PrivateKey { path, .. } | Self::Mismatch { key: path, .. } => {
                path == file
            }
        }
    }
}

// === impl Files ===

impl Files {
    /// Reads both files.
    ///
    /// # Errors
    ///
    /// If they can't be served at `now`.
    pub fn open(certificate: &Path, key: &Path, now: SystemTime) -> Result<Self, FilesError> {
        let paths = PairPaths { certificate: certificate.to_owned(), key: key.to_owned() };
        let (watched, first) = WatchedFiles::open(paths.both(), |bytes| paths.parse(bytes, now))?;
        Ok(Self { paths, watched, resolver: Arc::new(CertificateResolver::new(first)) })
    }

    /// Returns the resolver, which serves the last valid certificate.
    pub fn served(&self) -> Arc<CertificateResolver> {
        Arc::clone(&self.resolver)
    }

    /// Reads the files again; publishes a changed certificate if [`Files::open`] would accept it.
    pub fn poll(&mut self, now: SystemTime) -> Reload<FilesError> {
        let Self { paths, watched, resolver } = self;
        watched.poll(|bytes| {
            resolver.publish(paths.parse(bytes, now)?);
            Ok(())
        })
    }
}

// === impl PairPaths ===

impl PairPaths {
    fn both(&self) -> [PathBuf; 2] {
        [self.certificate.clone(), self.key.clone()]
    }

    fn parse(&self, [chain, key]: &[Vec<u8>; 2], now: SystemTime) -> Result<ServingCertificate, FilesError> {
        let chain = CertificateChain::from_pem(chain, now)
            .map_err(|problem| FilesError::Chain { path: self.certificate.clone(), problem })?;
        let key = PrivateKey::from_pem(key)
            .map_err(|problem| FilesError::PrivateKey { path: self.key.clone(), problem })?;
        ServingCertificate::new(chain, key).map_err(|KeyMismatch| FilesError::Mismatch {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
        })
    }
}
