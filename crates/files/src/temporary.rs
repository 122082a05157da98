//! A file under a name of its own until its content is complete.

use crate::directory::Directory;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

/// The permissions of content that only this process's user may read.
pub const PRIVATE: u32 = 0o600;

/// The permissions that a file keeps: neither set-user-ID nor set-group-ID, since its content is another one.
const PERMISSIONS: u32 = 0o777;

/// How often another name is tried.
const NAMES: u32 = 16;

/// A new file that is removed on drop, unless it was renamed.
#[derive(Debug)]
pub struct TemporaryFile<'d> {
    directory: &'d Directory,
    name: OsString,
    file: File,
}

// === impl TemporaryFile ===

impl<'d> TemporaryFile<'d> {
    /// Creates a file with this content, and with these permissions less those that the process masks.
    ///
    /// # Errors
    ///
    /// The file can't be created or written.
    pub fn new(directory: &'d Directory, mode: u32, content: &[u8]) -> io::Result<Self> {
        let (name, file) = created(directory, mode)?;
        let mut temporary = Self { directory, name, file };
        temporary.file.write_all(content)?;
        Ok(temporary)
    }

    /// Gives the file the owner of the one that it will replace.
    pub(crate) fn keep_owner(&self, old: &Metadata) -> io::Result<()> {
        let current = self.file.metadata()?;
        match (current.uid(), current.gid()) == (old.uid(), old.gid()) {
            true => Ok(()),
            false => Ok(fchown(&self.file, Some(old.uid()), Some(old.gid()))?),
        }
    }

    /// Gives the file the permissions of the one that it will replace.
    pub(crate) fn keep_permissions(&self, old: &Metadata) -> io::Result<()> {
        self.file.set_permissions(Permissions::from_mode(old.mode() & PERMISSIONS))
    }

    /// Writes the content to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Renames the file, over another one if there is one of the new name.
    ///
    /// # Errors
    ///
    /// The file can't be renamed. It is removed.
    pub fn rename(self, name: &OsStr) -> io::Result<()> {
        self.directory.rename(&self.name, name)
    }
}

impl Write for TemporaryFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for TemporaryFile<'_> {
    fn drop(&mut self) {
        // After a rename there is none of this name.
        let _ = self.directory.remove(&self.name);
    }
}

/// Creates a file of a name that is free.
fn created(directory: &Directory, mode: u32) -> io::Result<(OsString, File)> {
    let process = std::process::id();
    for number in 0..NAMES {
        let name = OsString::from(format!(".ordinance-{process}-{number}"));
        match directory.create(&name, mode) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => return other.map(|file| (name, file)),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}
