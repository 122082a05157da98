//! An open directory whose entries are reached by name, without following links.
//!
//! Every call refers to the directory that was opened, also if its path leads elsewhere by then.

use crate::read::{READING, regular};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// How a directory is opened.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::DIRECTORY);

/// The permissions of a new directory, less those that the process masks.
const DIRECTORY_MODE: u32 = 0o777;

/// The permissions of the group and of others to write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// An open directory.
#[derive(Debug)]
pub struct Directory(OwnedFd);

// === impl Directory ===

impl Directory {
    /// Opens a directory. Links in the path are followed, because the caller has chosen it.
    ///
    /// # Errors
    ///
    /// The directory can't be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        // An empty path is the working directory, as the parent of a bare file name is.
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Ok(Self(rustix::fs::open(path, DIRECTORY, Mode::empty())?))
    }

    /// Returns whether only this process's user can write to the directory.
    ///
    /// # Errors
    ///
    /// The directory can't be read.
    pub fn is_own(&self) -> io::Result<bool> {
        let data = rustix::fs::fstat(&self.0)?;
        Ok(is_own(data.st_uid, data.st_mode))
    }

    /// Opens a directory in this one.
    ///
    /// # Errors
    ///
    /// The entry can't be opened, or is no directory; a link is none.
    pub fn directory(&self, name: &OsStr) -> io::Result<Self> {
        let opened = rustix::fs::openat(&self.0, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty());
        opened.map(Self).map_err(|error| match error {
            Errno::LOOP | Errno::NOTDIR => {
                of_entry(name, "is not a directory, and a link to one is not followed")
            }
            other => other.into(),
        })
    }

    /// Opens the directory of a relative path below this one, and returns it with the path's last part.
    ///
    /// # Errors
    ///
    /// A directory of the path can't be opened or is a link, or the path has another part than names.
    pub fn parent_of(self, below: &Path) -> io::Result<(Self, &OsStr)> {
        let names = below.components().map(|part| match part {
            Component::Normal(name) => Ok(name),
            _ => Err(io::Error::new(ErrorKind::InvalidInput, "it is not a path below the directory")),
        });
        let names: Vec<&OsStr> = names.collect::<io::Result<_>>()?;
        let (last, parents) =
            names.split_last().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "it is no file"))?;
        let parent = parents.iter().try_fold(self, |directory, name| directory.directory(name))?;
        Ok((parent, last))
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    ///
    /// The entry can't be opened, or is a link, a pipe, a device or a directory.
    pub fn file(&self, name: &OsStr) -> io::Result<File> {
        self.opened(name, READING, Mode::empty())
    }

    /// Opens a regular file for writing. Its content stays.
    ///
    /// # Errors
    ///
    /// As [`Directory::file`].
    pub fn file_for_writing(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        self.opened(name, flags, Mode::empty())
    }

    /// Creates a file for writing, with these permissions less those that the process masks.
    ///
    /// # Errors
    ///
    /// The entry exists, also as a link, or can't be created.
    pub fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(File::from(rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(mode))?))
    }

    /// Opens a regular file for reading and writing, and creates it if it is missing. Its content stays.
    ///
    /// # Errors
    ///
    /// The entry can't be opened or created, or is a link, a pipe, a device or a directory.
    pub fn file_or_new(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        self.opened(name, flags, Mode::from_raw_mode(mode))
    }

    fn opened(&self, name: &OsStr, flags: OFlags, mode: Mode) -> io::Result<File> {
        let opened = rustix::fs::openat(&self.0, name, flags | OFlags::NOFOLLOW, mode);
        let file = opened.map_err(|error| match error {
            Errno::LOOP => of_entry(name, "is a link, which is not followed"),
            other => other.into(),
        })?;
        regular(File::from(file))
    }

    /// Creates a directory and opens it.
    ///
    /// # Errors
    ///
    /// The entry exists, also as a link, or can't be created.
    pub fn create_directory(&self, name: &OsStr) -> io::Result<Self> {
        rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(DIRECTORY_MODE))?;
        self.directory(name)
    }

    /// Creates a symbolic link.
    ///
    /// # Errors
    ///
    /// The entry exists, or can't be created.
    pub fn link(&self, name: &OsStr, target: &Path) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// Returns the target of a symbolic link, or `None` if there is no entry of this name.
    ///
    /// # Errors
    ///
    /// The entry can't be read, or is no link.
    pub fn link_target(&self, name: &OsStr) -> io::Result<Option<PathBuf>> {
        match rustix::fs::readlinkat(&self.0, name, Vec::new()) {
            Ok(target) => Ok(Some(OsStr::from_bytes(target.as_bytes()).into())),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::INVAL) => Err(of_entry(name, "is not a link")),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the type of an entry itself, not of a link's target; `None` if there is no entry of this name.
    ///
    /// # Errors
    ///
    /// The entry can't be read.
    pub fn kind(&self, name: &OsStr) -> io::Result<Option<FileType>> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(data) => Ok(Some(FileType::from_raw_mode(data.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the names of all entries, sorted.
    ///
    /// # Errors
    ///
    /// The directory can't be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Renames an entry, over another one if there is one of the new name. Links are renamed themselves.
    ///
    /// # Errors
    ///
    /// The entry can't be renamed.
    pub fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Removes a file or a link itself.
    ///
    /// # Errors
    ///
    /// The entry can't be removed, or is a directory.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes a directory and the files and links in it.
    ///
    /// # Errors
    ///
    /// The entry is a link, or a file in it can't be removed; a directory in it can't.
    pub fn remove_directory(&self, name: &OsStr) -> io::Result<()> {
        let directory = self.directory(name)?;
        for file in directory.names()? {
            directory.remove(&file)?;
        }
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Writes the directory's entries to the disk.
    ///
    /// # Errors
    ///
    /// The disk reports an error.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.0.as_fd())?)
    }
}

/// Returns whether a file of this owner and mode can be written by this process's user alone.
pub(crate) fn is_own(owner: u32, mode: u32) -> bool {
    owner == rustix::process::geteuid().as_raw() && mode & WRITABLE_BY_OTHERS == 0
}

/// Returns an error about an entry of a directory.
fn of_entry(name: &OsStr, problem: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, format!("{} {problem}", name.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn name(name: &str) -> &OsStr {
        OsStr::new(name)
    }

    /// Returns a directory with the file `real`, the directory `sub` with the file `sub/a`, and links to both.
    fn prepared() -> (tempfile::TempDir, Directory) {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("real"), "text").expect("written");
        fs::create_dir(directory.path().join("sub")).expect("created");
        fs::write(directory.path().join("sub/a"), "a").expect("written");
        symlink("real", directory.path().join("link")).expect("linked");
        symlink("sub", directory.path().join("to-sub")).expect("linked");
        let opened = Directory::open(directory.path()).expect("opened");
        (directory, opened)
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_not_own() {
        use std::os::unix::fs::PermissionsExt;
        let (directory, opened) = prepared();
        for (mode, is_own) in [(0o700, true), (0o755, true), (0o775, false), (0o702, false)] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).expect("set");
            assert_eq!(opened.is_own().expect("read"), is_own, "{mode:o}");
        }
    }

    #[test]
    fn follows_no_link_to_a_file() {
        let (directory, opened) = prepared();
        assert_eq!(io::read_to_string(opened.file(name("real")).expect("opened")).expect("read"), "text");
        for error in [
            opened.file(name("link")).expect_err("a link"),
            opened.file_or_new(name("link"), 0o600).expect_err("a link"),
        ] {
            assert_eq!(error.to_string(), "link is a link, which is not followed");
        }
        assert_eq!(opened.create(name("link"), 0o600).expect_err("a link").kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(directory.path().join("real")).expect("read"), "text");
    }

    #[test]
    fn follows_no_link_to_a_directory() {
        let (directory, opened) = prepared();
        assert!(opened.directory(name("sub")).is_ok());
        assert!(opened.directory(name("to-sub")).is_err());
        assert!(opened.remove_directory(name("to-sub")).is_err());
        assert!(opened.parent_of(Path::new("to-sub/a")).is_err());
        let opened = Directory::open(&directory.path().join("to-sub")).expect("chosen by the caller");
        assert_eq!(opened.names().expect("listed"), ["a"]);
    }

    #[test]
    fn a_path_below_has_names_only() {
        let (_directory, opened) = prepared();
        let (parent, last) = opened.parent_of(Path::new("sub/a")).expect("opened");
        assert_eq!((last, parent.names().expect("listed")), (name("a"), vec![OsString::from("a")]));
        for path in ["../a", "/a", "", "sub/../real"] {
            let (_directory, opened) = prepared();
            assert!(opened.parent_of(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn removes_a_directory_with_its_files_and_links_but_not_their_targets() {
        let (directory, opened) = prepared();
        symlink("../real", directory.path().join("sub/link")).expect("linked");
        opened.remove_directory(name("sub")).expect("removed");
        assert!(directory.path().join("real").exists() && !directory.path().join("sub").exists());
    }

    #[test]
    fn an_entry_has_its_own_type() {
        let (_directory, opened) = prepared();
        assert_eq!(opened.kind(name("link")).expect("read"), Some(FileType::Symlink));
        assert_eq!(opened.kind(name("none")).expect("read"), None);
        assert_eq!(opened.link_target(name("link")).expect("read"), Some(PathBuf::from("real")));
        assert_eq!(opened.link_target(name("none")).expect("read"), None);
        assert_eq!(opened.link_target(name("real")).expect_err("no link").to_string(), "real is not a link");
    }
}
