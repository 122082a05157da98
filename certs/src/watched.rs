//! Files that are read together, compared byte by byte, and kept as they were when what replaced them can't be used.
//!
//! The kubelet replaces a mounted Secret by renaming the link `..data` over; every file is a link through it. Two files
//! read one after the other may thus be of two versions: so the link is resolved once, for all files below it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The link that the kubelet swaps.
pub(crate) const DATA: &str = "..data";

/// More than any chain or key; a mistaken path to a large file shall not fill the memory.
const MAX_BYTES: u64 = 1024 * 1024;

/// How often files are read again when the link moved meanwhile.
const ATTEMPTS: usize = 3;

/// What a look at watched files led to.
#[derive(Debug)]
pub enum Reload<E> {
    /// They are as they were.
    Unchanged,
    /// Their new content is served from now on.
    Replaced,
    /// Their new content can't be used; the old goes on being served.
    Kept {
        /// What is wrong with the new content.
        error: E,
        /// Whether the last look saw the same.
        again: bool,
    },
}

/// Files as they were when last accepted.
#[derive(Debug)]
pub(crate) struct Watched<const N: usize> {
    paths: [PathBuf; N],
    accepted: [Vec<u8>; N],
    refused: Option<String>,
}

/// A file that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}; give {}", path.display(), wanted(source))]
pub struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

/// What to give in place of what can't be read.
fn wanted(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::FileTooLarge => "a file of certificates or a key",
        _ => "a file that this process may read",
    }
}

// === impl Unreadable ===

impl Unreadable {
    pub(crate) fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

// === impl Watched ===

impl<const N: usize> Watched<N> {
    /// Reads the files for the first time.
    pub(crate) fn open<T, E: From<Unreadable>>(
        paths: [PathBuf; N],
        parse: impl FnOnce(&[Vec<u8>; N]) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        let accepted = read(&paths)?;
        let value = parse(&accepted)?;
        Ok((Self { paths, accepted, refused: None }, value))
    }

    /// Reads the files; publishes what is new.
    pub(crate) fn poll<E: From<Unreadable> + ToString>(
        &mut self,
        publish: impl FnOnce(&[Vec<u8>; N]) -> Result<(), E>,
    ) -> Reload<E> {
        match self.look(publish) {
            Ok(reload) => {
                self.refused = None;
                reload
            }
            Err(error) => {
                let seen = Some(error.to_string());
                let again = self.refused == seen;
                self.refused = seen;
                Reload::Kept { error, again }
            }
        }
    }

    fn look<E: From<Unreadable>>(
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

/// All files, of one version.
fn read<const N: usize>(paths: &[PathBuf; N]) -> Result<[Vec<u8>; N], Unreadable> {
    let mut attempt = 1;
    loop {
        let resolved = paths.each_ref().map(|path| resolve(path));
        let files = read_each(&resolved);
        // The version that was resolved may be gone before it is read; then a newer one is there.
        let moved = resolved != paths.each_ref().map(|path| resolve(path));
        if files.is_ok() && !moved || attempt == ATTEMPTS {
            return files;
        }
        attempt += 1;
    }
}

fn read_each<const N: usize>(paths: &[PathBuf; N]) -> Result<[Vec<u8>; N], Unreadable> {
    let mut files = [const { Vec::new() }; N];
    for (file, path) in files.iter_mut().zip(paths) {
        *file = read_file(path).map_err(|source| Unreadable { path: path.clone(), source })?;
    }
    Ok(files)
}

/// A whole file, if it is none that is mistaken for another.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    read_from(File::open(path)?)
}

/// The same of a stream.
pub(crate) fn read_from(stream: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

/// The path below what `..data` points at now; the path itself where there is no such link.
fn resolve(path: &Path) -> PathBuf {
    let version = path.ancestors().skip(1).find_map(|directory| {
        let target = std::fs::read_link(directory.join(DATA)).ok()?;
        Some(directory.join(target).join(path.strip_prefix(directory).ok()?))
    });
    version.unwrap_or_else(|| path.to_owned())
}
