//! PEM material of one file or one entry of a Secret: certificates, a private key, or both.

use crate::certificate::{ChainError, PrivateKey, PrivateKeyError, certificates};
use crate::watched_files::{MAX_BYTES, UnreadableFile, read_file};
use ordinance_files::read_up_to;
use rustls::pki_types::CertificateDer;
use std::io::Read;
use std::path::Path;

/// Certificates and a private key, and where they were found.
#[derive(Debug)]
pub struct Material {
    pub(super) place: String,
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) key: Option<PrivateKey>,
}

/// Why a file or an entry has no usable PEM material.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// The file can't be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableFile),
    /// A certificate does not parse.
    #[error("{place}: {problem}")]
    Chain {
        /// The file or entry.
        place: String,
        /// The error.
        problem: ChainError,
    },
    /// The private key does not parse.
    #[error("{place}: {problem}")]
    PrivateKey {
        /// The file or entry.
        place: String,
        /// The error.
        problem: PrivateKeyError,
    },
    /// There is neither a certificate nor a private key.
    #[error("{place}: {}", NEITHER)]
    Neither {
        /// The file or entry.
        place: String,
    },
}

const NEITHER: &str = "holds neither a PEM certificate nor a private key; give a file that begins with \
                       -----BEGIN, and convert another by `openssl x509 -inform der`";

// === impl Material ===

impl Material {
    /// Reads a file of at most 1 MiB.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or has no usable PEM material.
    pub fn open(path: &Path) -> Result<Self, MaterialError> {
        let bytes = read_file(path).map_err(|source| UnreadableFile::new(path, source))?;
        Self::read(path.display().to_string(), &bytes)
    }

    /// Reads a stream of at most 1 MiB to its end.
    ///
    /// # Errors
    ///
    /// If the stream can't be read, or has no usable PEM material.
    pub fn stream(place: &str, stream: impl Read) -> Result<Self, MaterialError> {
        let bytes =
            read_up_to(stream, MAX_BYTES).map_err(|source| UnreadableFile::new(Path::new(place), source))?;
        Self::read(place.to_owned(), &bytes)
    }

    /// Parses PEM.
    ///
    /// # Errors
    ///
    /// If a certificate or the key does not parse, or there is neither.
    pub fn read(place: String, pem: &[u8]) -> Result<Self, MaterialError> {
        let (has_key, has_certificate) =
            (contains(pem, "PRIVATE KEY-----"), contains(pem, "CERTIFICATE-----"));
        let certificates = match certificates(pem) {
            Ok(certificates) => certificates,
            // If there is only a key, report the error of the key below.
            Err(_) if has_key && !has_certificate => Vec::new(),
            Err(problem) => return Err(MaterialError::Chain { place, problem }),
        };
        match PrivateKey::from_pem(pem) {
            Ok(key) => Ok(Self { place, certificates, key: Some(key) }),
            Err(problem) if has_key => Err(MaterialError::PrivateKey { place, problem }),
            Err(_) if certificates.is_empty() => Err(MaterialError::Neither { place }),
            Err(_) => Ok(Self { place, certificates, key: None }),
        }
    }
}

fn contains(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|window| window == word.as_bytes())
}

// === impl MaterialError ===

impl MaterialError {
    /// Returns the file or entry.
    pub fn place(&self) -> &str {
        match self {
            Self::Unreadable(unreadable) => unreadable.path().to_str().unwrap_or_default(),
            Self::Chain { place, .. } | Self::PrivateKey { place, .. } | Self::Neither { place } => place,
        }
    }

    /// Returns the message without the place.
    pub fn problem(&self) -> String {
        let text = self.to_string();
        text.strip_prefix(&format!("{}: ", self.place())).unwrap_or(&text).to_owned()
    }
}
