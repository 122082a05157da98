//! A directory as a store: all files change at once, as those of a Secret volume do.
//!
//! The files are in a subdirectory per version, and the link `..data` to it is replaced by a rename. Readers that go through
//! the link see files of one version; a lock serialises writers. Another user may have prepared the directory: no link in it is followed, and
//! only what the store has written is replaced or removed.

use crate::record::SecretData;
use crate::store::{StoreVersion, StoredEntries, WriteOutcome};
use crate::watched_files::{DATA_LINK, MAX_BYTES};
use ordinance_files::{Directory, read_up_to};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// The file that writers lock.
const LOCK: &str = ".lock";

/// The new link before its rename.
const NEW_LINK: &str = "..data_tmp";

/// The prefix of a version's subdirectory; a number follows.
const VERSION_PREFIX: &str = "..v";

/// How often a writer tries to get the lock. A write takes some milliseconds.
const LOCK_ATTEMPTS: usize = 500;

/// The pause between two attempts to get the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The most files of a version that are read. A CA has a dozen.
const MAX_FILES: usize = 64;

/// A directory whose files are replaced atomically, conditionally on their version.
#[derive(Clone, Debug)]
pub struct DirectoryStore(PathBuf);

// === impl DirectoryStore ===

impl DirectoryStore {
    /// Returns a store in a directory, which need not exist yet.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Returns the directory.
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// Returns the path of a file in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Reads all files of the current version.
    ///
    /// # Errors
    ///
    /// If a file can't be read, or is no regular one.
    pub fn read(&self) -> io::Result<StoredEntries> {
        let Some(directory) = self.opened()? else { return Ok(StoredEntries::absent()) };
        loop {
            let version = version(&directory)?;
            let entries = read_version(&directory, version.clone());
            // If a writer replaced the version meanwhile, some of its files may have been removed before they were read.
            if self::version(&directory)? == version {
                return entries;
            }
        }
    }

    /// Replaces all files if the directory still has the version `over`.
    ///
    /// # Errors
    ///
    /// If a file can't be written, or the directory has a foreign entry in its place. Unless the error comes after the
    /// swap, the files are unchanged.
    pub fn write(&self, data: &SecretData, over: &StoreVersion) -> io::Result<WriteOutcome> {
        fs::create_dir_all(&self.0)?;
        let directory = Directory::open(&self.0)?;
        let _lock = locked(&directory)?;
        let found = version(&directory)?;
        if *over != found.clone().map_or(StoreVersion::Absent, StoreVersion::At) {
            return Ok(WriteOutcome::Conflict);
        }
        if let Some(name) = [DATA_LINK]
            .into_iter()
            .chain(data.keys().map(String::as_str))
            .find(|name| self.has_foreign_file(name))
        {
            return Err(foreign(name));
        }
        let version = write_version(&directory, data, found.as_deref())?;
        swap(&directory, &version)?;
        link_files(&directory, data)?;
        if let Some(old) = found {
            directory.remove_directory(OsStr::new(&old))?;
        }
        Ok(WriteOutcome::Done)
    }

    /// Returns whether every file has its link beside `..data`. An interrupted write may have left some out.
    pub fn is_complete(&self, data: &SecretData) -> bool {
        let directory = self.opened().ok().flatten();
        directory.is_some_and(|directory| data.keys().all(|name| is_own_link(&directory, OsStr::new(name))))
    }

    /// Returns whether an entry that this store has not written occupies the name of one of its links.
    pub fn has_foreign_file(&self, name: &str) -> bool {
        let Ok(Some(directory)) = self.opened() else { return false };
        let is_own = match name {
            DATA_LINK => {
                version(&directory).is_ok_and(|found| found.is_none_or(|found| number(&found).is_some()))
            }
            _ => is_own_link(&directory, OsStr::new(name)),
        };
        !is_own && !matches!(directory.kind(OsStr::new(name)), Ok(None))
    }

    /// Opens the directory, if it exists.
    fn opened(&self) -> io::Result<Option<Directory>> {
        match Directory::open(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }
}

/// Opens the lock and waits for it.
fn locked(directory: &Directory) -> io::Result<File> {
    let lock = directory.file_or_new(OsStr::new(LOCK), 0o600)?;
    for _ in 0..LOCK_ATTEMPTS {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(ErrorKind::TimedOut, format!("another process keeps {LOCK} locked")))
}

/// Returns the name of the current version's subdirectory, or `None` if there is no version yet.
fn version(directory: &Directory) -> io::Result<Option<String>> {
    let Some(target) = directory.link_target(OsStr::new(DATA_LINK))? else { return Ok(None) };
    let mut parts = target.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(name)), None) => Ok(Some(name.to_string_lossy().into_owned())),
        _ => Err(foreign(DATA_LINK)),
    }
}

/// Returns the number of a version that this store has written.
fn number(version: &str) -> Option<u64> {
    version.strip_prefix(VERSION_PREFIX)?.parse().ok()
}

fn read_version(directory: &Directory, version: Option<String>) -> io::Result<StoredEntries> {
    let Some(version) = version else { return Ok(StoredEntries::absent()) };
    let subdirectory = directory.directory(OsStr::new(&version))?;
    let names = subdirectory.names()?;
    if names.len() > MAX_FILES {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("{version} has more than {MAX_FILES} files"),
        ));
    }
    let read = |name: &OsString| {
        let bytes = read_up_to(subdirectory.file(name)?, MAX_BYTES)?;
        Ok((name.to_string_lossy().into_owned(), bytes))
    };
    let data = names.iter().map(read).collect::<io::Result<SecretData>>()?;
    Ok(StoredEntries { data, version: StoreVersion::At(version) })
}

/// Writes the files into the subdirectory of a new version and returns its name.
fn write_version(directory: &Directory, data: &SecretData, after: Option<&str>) -> io::Result<String> {
    let number = after.and_then(number).unwrap_or(0).checked_add(1);
    let version = format!("{VERSION_PREFIX}{}", number.ok_or_else(|| foreign(DATA_LINK))?);
    // An interrupted write may have left it behind.
    if directory.kind(OsStr::new(&version))?.is_some() {
        directory.remove_directory(OsStr::new(&version))?;
    }
    let subdirectory = directory.create_directory(OsStr::new(&version))?;
    for (name, content) in data {
        let mut file = subdirectory.create(OsStr::new(name), mode(name))?;
        file.write_all(content)?;
        file.sync_all()?;
    }
    Ok(version)
}

fn swap(directory: &Directory, version: &str) -> io::Result<()> {
    let new = OsStr::new(NEW_LINK);
    // An interrupted write may have left it behind.
    if directory.link_target(new)?.is_some() {
        directory.remove(new)?;
    }
    directory.link(new, Path::new(version))?;
    directory.rename(new, OsStr::new(DATA_LINK))
}

/// Makes a link beside `..data` for each file, and removes the links of files that are gone.
fn link_files(directory: &Directory, data: &SecretData) -> io::Result<()> {
    for name in data.keys().map(OsStr::new).filter(|name| !is_own_link(directory, name)) {
        directory.link(name, &Path::new(DATA_LINK).join(name))?;
    }
    for name in directory.names()? {
        let is_kept = name.to_str().is_some_and(|name| data.contains_key(name));
        if !is_kept && is_own_link(directory, &name) {
            directory.remove(&name)?;
        }
    }
    Ok(())
}

/// Returns whether an entry is the link through `..data` to the file of the same name.
fn is_own_link(directory: &Directory, name: &OsStr) -> bool {
    directory.link_target(name).is_ok_and(|target| target == Some(Path::new(DATA_LINK).join(name)))
}

/// Returns the permissions of a file: only the owner may read keys.
fn mode(name: &str) -> u32 {
    if name.ends_with(".key") { 0o600 } else { 0o644 }
}

/// Returns the error of an entry that this store has not written.
fn foreign(name: &str) -> io::Error {
    io::Error::new(ErrorKind::AlreadyExists, format!("{name} already exists and was not issued here"))
}
