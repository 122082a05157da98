//! A directory as a store: its files change all at once, as those of a Secret volume do.
//!
//! The files are in a folder of their own version, and `..data` is a link to it that is renamed over. Who reads through the
//! link sees files of one version; a lock keeps writers apart.

use crate::record::Data;
use crate::store::{Store, Stored, Version, Written};
use crate::watched::{DATA, read_file};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

/// Locked while somebody writes.
const LOCK: &str = ".lock";

/// The link before it is renamed.
const COMING: &str = "..data_tmp";

/// What every version's folder begins with; a number follows.
const VERSION: &str = "..v";

/// A directory whose files change all at once.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

// === impl Directory ===

impl Directory {
    /// A directory, which need not exist yet.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// All files of the version that is there.
    ///
    /// # Errors
    ///
    /// If one can't be read.
    pub fn load(&self) -> io::Result<Stored> {
        loop {
            let version = self.version()?;
            match self.read_version(version.clone()) {
                // Somebody replaced it meanwhile: another version is there by now.
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.version()? != version => {}
                read => return read,
            }
        }
    }

    fn read_version(&self, version: Option<String>) -> io::Result<Stored> {
        let Some(version) = version else {
            return Ok(Stored { data: Data::new(), version: Version::Absent });
        };
        let mut data = Data::new();
        for entry in fs::read_dir(self.0.join(&version))? {
            let entry = entry?;
            data.insert(entry.file_name().to_string_lossy().into_owned(), read_file(&entry.path())?);
        }
        Ok(Stored { data, version: Version::At(version) })
    }

    /// Makes these all its files, if it is still of a version.
    ///
    /// # Errors
    ///
    /// If something can't be written; then everything is as it was.
    pub fn replace(&self, data: &Data, over: &Version) -> io::Result<Written> {
        fs::create_dir_all(&self.0)?;
        let lock = File::create(self.0.join(LOCK))?;
        lock.lock()?;
        let found = self.version()?;
        if *over != found.clone().map_or(Version::Absent, Version::At) {
            return Ok(Written::Conflict);
        }
        let version = self.write_version(data, found.as_deref())?;
        self.swap(&version)?;
        self.link(data)?;
        if let Some(old) = found {
            fs::remove_dir_all(self.0.join(old))?;
        }
        Ok(Written::Done)
    }

    /// Whether each of these files can be reached beside the version; who was stopped before that left some out.
    pub fn is_whole(&self, data: &Data) -> bool {
        data.keys().all(|name| is_ours(&self.0.join(name)))
    }

    /// Whether something that is none of its files has the name of one.
    pub fn is_taken(&self, name: &str) -> bool {
        let path = self.0.join(name);
        path.symlink_metadata().is_ok() && !is_ours(&path)
    }

    /// The name of the version that is there.
    fn version(&self) -> io::Result<Option<String>> {
        match fs::read_link(self.0.join(DATA)) {
            Ok(target) => Ok(Some(target.to_string_lossy().into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the files into a new version's folder.
    fn write_version(&self, data: &Data, after: Option<&str>) -> io::Result<String> {
        let number = after.and_then(|after| after.strip_prefix(VERSION)?.parse::<u64>().ok()).unwrap_or(0);
        let version = format!("{VERSION}{}", number + 1);
        let folder = self.0.join(&version);
        // Left by somebody who was stopped while he wrote.
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir(&folder)?;
        for (name, content) in data {
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(mode(name)).open(folder.join(name))?;
            file.write_all(content)?;
            file.sync_all()?;
        }
        Ok(version)
    }

    fn swap(&self, version: &str) -> io::Result<()> {
        let coming = self.0.join(COMING);
        if coming.is_symlink() {
            fs::remove_file(&coming)?;
        }
        symlink(version, &coming)?;
        fs::rename(&coming, self.0.join(DATA))
    }

    /// A link beside `..data` for each file; those of files that are gone go.
    fn link(&self, data: &Data) -> io::Result<()> {
        for name in data.keys().filter(|name| !self.0.join(name).is_symlink()) {
            symlink(Path::new(DATA).join(name), self.0.join(name))?;
        }
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if is_ours(&path) && !path.exists() {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Whether it is a link through the version that is there.
fn is_ours(path: &Path) -> bool {
    fs::read_link(path).is_ok_and(|target| target.starts_with(DATA))
}

/// Keys are for their owner.
fn mode(name: &str) -> u32 {
    if name.ends_with(".key") { 0o600 } else { 0o644 }
}

impl Store for Directory {
    type Error = io::Error;

    async fn read(&self) -> io::Result<Stored> {
        self.load()
    }

    async fn write(&self, data: &Data, over: &Version) -> io::Result<Written> {
        self.replace(data, over)
    }
}
