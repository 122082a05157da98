//! Files that are read together and compared byte by byte; invalid new content does not replace the old.
//!
//! The kubelet replaces the content of a Secret volume by renaming the link `..data`; every file is a link through it. Two
//! files read one after the other may therefore be of two versions, so the link is resolved once for all files below it.

use ordinance_files::read_regular;
use std::io;
use std::path::{Path, PathBuf};

/// The link that the kubelet swaps.
pub(crate) const DATA_LINK: &str = "..data";

/// The size limit of a watched file, larger than any chain or key: a mistaken path to a large file must not fill the memory.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// How often the files are read again if the link moved meanwhile.
const ATTEMPTS: usize = 3;

/// The result of a poll of watched files.
#[derive(Debug)]
pub enum Reload<E> {
    /// The content is the same.
    Unchanged,
    /// The new content is in use from now on.
    Replaced,
    /// The new content is invalid; the old content stays in use.
    Kept {
        /// What is wrong with the new content.
        error: E,
        /// Whether the previous poll had the same error.
        again: bool,
    },
}

/// Files and their last accepted content.
#[derive(Debug)]
pub(crate) struct WatchedFiles<const N: usize> {
    paths: [PathBuf; N],
    accepted: [Vec<u8>; N],
    last_error: Option<String>,
}

/// A file that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}; give {}", path.display(), expected(source))]
pub struct UnreadableFile {
    path: PathBuf,
    source: io::Error,
}

/// Returns what to give in place of an unreadable file.
fn expected(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput => "a file of certificates or a key",
        _ => "a file that this process may read",
    }
}

// === impl UnreadableFile ===

impl UnreadableFile {
    pub(crate) fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

// === impl WatchedFiles ===

impl<const N: usize> WatchedFiles<N> {
    /// Reads the files and parses them.
    pub(crate) fn open<T, E: From<UnreadableFile>>(
        paths: [PathBuf; N],
        parse: impl FnOnce(&[Vec<u8>; N]) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        let accepted = read(&paths)?;
        let value = parse(&accepted)?;
        Ok((Self { paths, accepted, last_error: None }, value))
    }

    /// Reads the files; publishes new content.
    pub(crate) fn poll<E: From<UnreadableFile> + ToString>(
        &mut self,
        publish: impl FnOnce(&[Vec<u8>; N]) -> Result<(), E>,
    ) -> Reload<E> {
        match self.try_poll(publish) {
            Ok(reload) => {
                self.last_error = None;
                reload
            }
            Err(error) => {
                let text = Some(error.to_string());
                let again = self.last_error == text;
                self.last_error = text;
                Reload::Kept { error, again }
            }
        }
    }

    fn try_poll<E: From<UnreadableFile>>(
        &mut self,
        publish: impl FnOnce(&[Vec<u8>; N]) -> Result<(), E>,
    ) -> Result<Reload<E>, E> {
        let files = read(&self.paths)?;
        if self.accepted == files {
            return Ok(Reload::Unchanged);
        }
        publish(&files)?;
        self.accepted = files;
        Ok(Reload::Replaced)
    }
}

/// Reads all files, of one version.
fn read<const N: usize>(paths: &[PathBuf; N]) -> Result<[Vec<u8>; N], UnreadableFile> {
    let mut attempt = 1;
    loop {
        let resolved = paths.each_ref().map(|path| resolve(path));
        let files = read_each(&resolved);
        // The kubelet may remove the resolved version before it is read; then a newer one exists.
        let moved = resolved != paths.each_ref().map(|path| resolve(path));
        if files.is_ok() && !moved || attempt == ATTEMPTS {
            return files;
        }
        attempt += 1;
    }
}

fn read_each<const N: usize>(paths: &[PathBuf; N]) -> Result<[Vec<u8>; N], UnreadableFile> {
    let mut files = [const { Vec::new() }; N];
    for (file, path) in files.iter_mut().zip(paths) {
        *file = read_file(path).map_err(|source| UnreadableFile { path: path.clone(), source })?;
    }
    Ok(files)
}

/// Reads a whole regular file of at most [`MAX_BYTES`].
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    read_regular(path, MAX_BYTES)
}

/// Returns the path below the target of `..data`, or the path itself if no directory above has such a link.
fn resolve(path: &Path) -> PathBuf {
    let version = path.ancestors().skip(1).find_map(|directory| {
        let target = std::fs::read_link(directory.join(DATA_LINK)).ok()?;
        Some(directory.join(target).join(path.strip_prefix(directory).ok()?))
    });
    version.unwrap_or_else(|| path.to_owned())
}
