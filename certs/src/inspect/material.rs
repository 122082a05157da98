//! What one file, or one entry of a Secret, holds: certificates, a private key, or both.

use crate::pair::{ChainError, Key, KeyError, certificates};
use crate::watched::{Unreadable, read_file, read_from};
use rustls::pki_types::CertificateDer;
use std::io::Read;
use std::path::Path;

/// Certificates and a key, and where they were found.
#[derive(Debug)]
pub struct Material {
    pub(super) place: String,
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) key: Option<Key>,
}

/// Why there is nothing in it to look at.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// It can't be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A certificate in it can't be used.
    #[error("{place}: {problem}")]
    Chain {
        /// Where.
        place: String,
        /// What is wrong.
        problem: ChainError,
    },
    /// A key in it can't be used.
    #[error("{place}: {problem}")]
    Key {
        /// Where.
        place: String,
        /// What is wrong.
        problem: KeyError,
    },
    /// It is something else.
    #[error("{place}: {}", NEITHER)]
    Neither {
        /// Where.
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
    /// If it can't be read, or holds something else.
    pub fn open(path: &Path) -> Result<Self, MaterialError> {
        let bytes = read_file(path).map_err(|source| Unreadable::new(path, source))?;
        Self::read(path.display().to_string(), &bytes)
    }

    /// Reads a stream to its end, which must come within 1 MiB.
    ///
    /// # Errors
    ///
    /// If it can't be read, or holds something else.
    pub fn stream(place: &str, stream: impl Read) -> Result<Self, MaterialError> {
        let bytes = read_from(stream).map_err(|source| Unreadable::new(Path::new(place), source))?;
        Self::read(place.to_owned(), &bytes)
    }

    /// Reads a text of PEM.
    ///
    /// # Errors
    ///
    /// If something in it does not parse, or it holds something else.
    pub fn read(place: String, pem: &[u8]) -> Result<Self, MaterialError> {
        let (has_key, has_certificate) =
            (contains(pem, "PRIVATE KEY-----"), contains(pem, "CERTIFICATE-----"));
        let certificates = match certificates(pem) {
            Ok(certificates) => certificates,
            // What is wrong with a key alone is said of the key.
            Err(_) if has_key && !has_certificate => Vec::new(),
            Err(problem) => return Err(MaterialError::Chain { place, problem }),
        };
        match Key::from_pem(pem) {
            Ok(key) => Ok(Self { place, certificates, key: Some(key) }),
            Err(problem) if has_key => Err(MaterialError::Key { place, problem }),
            Err(_) if certificates.is_empty() => Err(MaterialError::Neither { place }),
            Err(_) => Ok(Self { place, certificates, key: None }),
        }
    }

    /// Whether there is a certificate in it.
    pub fn has_certificates(&self) -> bool {
        !self.certificates.is_empty()
    }
}

fn contains(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|window| window == word.as_bytes())
}

// === impl MaterialError ===

impl MaterialError {
    /// Where it is.
    pub fn place(&self) -> &str {
        match self {
            Self::Unreadable(unreadable) => unreadable.path().to_str().unwrap_or_default(),
            Self::Chain { place, .. } | Self::Key { place, .. } | Self::Neither { place } => place,
        }
    }

    /// What is wrong, without the place.
    pub fn problem(&self) -> String {
        let text = self.to_string();
        text.strip_prefix(&format!("{}: ", self.place())).unwrap_or(&text).to_owned()
    }
}
