//! A directory as a store: all files change at once, as those of a Secret volume do.
//!
//! The files are in a subdirectory per version, and the link `..data` to it is replaced by a rename. Readers that go through
//! the link see files of one version; a lock serialises writers.

use crate::record::SecretData;
use crate::store::{StoreVersion, StoredEntries, WriteOutcome};
use crate::watched_files::{DATA_LINK, read_file};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

/// The file that writers lock.
const LOCK: &str = ".lock";

/// The new link before its rename.
const NEW_LINK: &str = "..data_tmp";

/// The prefix of a version's subdirectory; a number follows.
const VERSION_PREFIX: &str = "..v";

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
    /// If a file can't be read.
    pub fn read(&self) -> io::Result<StoredEntries> {
        loop {
            let version = self.version()?;
            let entries = self.read_version(version.clone());
            // If a writer replaced the version meanwhile, some of its files may have been removed before they were read.
            if self.version()? == version {
                return entries;
            }
        }
    }

    fn read_version(&self, version: Option<String>) -> io::Result<StoredEntries> {
        let Some(version) = version else {
            return Ok(StoredEntries { data: SecretData::new(), version: StoreVersion::Absent });
        };
        let mut data = SecretData::new();
        for entry in fs::read_dir(self.0.join(&version))? {
            let entry = entry?;
            data.insert(entry.file_name().to_string_lossy().into_owned(), read_file(&entry.path())?);
        }
        Ok(StoredEntries { data, version: StoreVersion::At(version) })
    }

    /// Replaces all files if the directory still has the version `over`.
    ///
    /// # Errors
    ///
    /// If a file can't be written. Unless the error comes after the swap, the files are unchanged.
    pub fn write(&self, data: &SecretData, over: &StoreVersion) -> io::Result<WriteOutcome> {
        fs::create_dir_all(&self.0)?;
        let lock = File::create(self.0.join(LOCK))?;
        lock.lock()?;
        let found = self.version()?;
        if *over != found.clone().map_or(StoreVersion::Absent, StoreVersion::At) {
            return Ok(WriteOutcome::Conflict);
        }
        let version = self.write_version(data, found.as_deref())?;
        self.swap(&version)?;
        self.link_files(data)?;
        if let Some(old) = found {
            fs::remove_dir_all(self.0.join(old))?;
        }
        Ok(WriteOutcome::Done)
    }

    /// Returns whether every file has its link beside `..data`. An interrupted write may have left some out.
    pub fn is_complete(&self, data: &SecretData) -> bool {
        data.keys().all(|name| is_own_link(&self.0.join(name)))
    }

    /// Returns whether a foreign file occupies the name of one of the store's links.
    pub fn has_foreign_file(&self, name: &str) -> bool {
        let path = self.0.join(name);
        path.symlink_metadata().is_ok() && !is_own_link(&path)
    }

    /// Returns the name of the current version's subdirectory, or `None` if there is no version yet.
    fn version(&self) -> io::Result<Option<String>> {
        match fs::read_link(self.0.join(DATA_LINK)) {
            Ok(target) => Ok(Some(target.to_string_lossy().into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the files into the subdirectory of a new version and returns its name.
    fn write_version(&self, data: &SecretData, after: Option<&str>) -> io::Result<String> {
        let number =
            after.and_then(|after| after.strip_prefix(VERSION_PREFIX)?.parse::<u64>().ok()).unwrap_or(0);
        let version = format!("{VERSION_PREFIX}{}", number + 1);
        let subdirectory = self.0.join(&version);
        // An interrupted write may have left it behind.
        if subdirectory.exists() {
            fs::remove_dir_all(&subdirectory)?;
        }
        fs::create_dir(&subdirectory)?;
        for (name, content) in data {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(mode(name));
            let mut file = options.open(subdirectory.join(name))?;
            file.write_all(content)?;
            file.sync_all()?;
        }
        Ok(version)
    }

    fn swap(&self, version: &str) -> io::Result<()> {
        let new = self.0.join(NEW_LINK);
        if new.is_symlink() {
            fs::remove_file(&new)?;
        }
        symlink(version, &new)?;
        fs::rename(&new, self.0.join(DATA_LINK))
    }

    /// Makes a link beside `..data` for each file, and removes the links of files that are gone.
    fn link_files(&self, data: &SecretData) -> io::Result<()> {
        for name in data.keys().filter(|name| !self.0.join(name).is_symlink()) {
            symlink(Path::new(DATA_LINK).join(name), self.0.join(name))?;
        }
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if is_own_link(&path) && !path.exists() {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Returns whether the path is a link through `..data`.
fn is_own_link(path: &Path) -> bool {
    fs::read_link(path).is_ok_and(|target| target.starts_with(DATA_LINK))
}

/// Returns the permissions of a file: only the owner may read keys.
fn mode(name: &str) -> u32 {
    if name.ends_with(".key") { 0o600 } else { 0o644 }
}
