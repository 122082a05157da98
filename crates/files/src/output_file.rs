//! A file that a command writes for its user, e.g. a report.

use crate::directory::Directory;
use crate::read::open_regular;
use crate::temporary::TemporaryFile;
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The bytes at the beginning of an existing file that tell of which kind it is.
const HEAD_BYTES: usize = 1024;

/// The permissions of a new file, less those that the process masks.
const MODE: u32 = 0o666;

/// A file that a command writes as a whole. It replaces an earlier one of its kind, and nothing else.
///
/// A link to a file is followed. Pipes and devices are written to, and not replaced.
#[derive(Clone, Copy, Debug)]
pub struct OutputFile<'p> {
    path: &'p Path,
    is_of_kind: fn(&[u8]) -> bool,
}

/// What is at the path of an output file.
enum Existing {
    /// There is none; its path.
    Nothing(PathBuf),
    /// A file of the kind, with its path without links.
    Replaceable(PathBuf, Metadata),
    /// A pipe or a device.
    Stream,
}

// === impl OutputFile ===

impl<'p> OutputFile<'p> {
    /// Describes the file at a path; `is_of_kind` tells from the first bytes of a file whether it may be replaced.
    pub fn new(path: &'p Path, is_of_kind: fn(&[u8]) -> bool) -> Self {
        Self { path, is_of_kind }
    }

    /// Checks whether the file can be written, before the work whose result it will have.
    ///
    /// # Errors
    ///
    /// As [`OutputFile::write`].
    pub fn check(&self) -> io::Result<()> {
        match self.existing()? {
            Existing::Nothing(path) | Existing::Replaceable(path, _) => {
                let directory = Directory::open(parent(&path))?;
                TemporaryFile::new(&directory, MODE, b"").map(drop)
            }
            Existing::Stream => Ok(()),
        }
    }

    /// Writes the content. A file is replaced by a rename, so that its readers see the old content or the new one.
    ///
    /// # Errors
    ///
    /// There is a file of another kind, or the file can't be written, or there is a named pipe without a reader.
    pub fn write(&self, content: &[u8]) -> io::Result<()> {
        match self.existing()? {
            Existing::Nothing(path) => replace(&path, None, content),
            Existing::Replaceable(path, metadata) => replace(&path, Some(&metadata), content),
            Existing::Stream => open_stream(self.path)?.write_all(content),
        }
    }

    /// Removes the file, if there is one.
    ///
    /// # Errors
    ///
    /// There is a file of another kind, or a pipe or a device, or the file can't be removed.
    pub fn remove(&self) -> io::Result<()> {
        match self.existing()? {
            Existing::Nothing(_) => Ok(()),
            Existing::Replaceable(..) => fs::remove_file(self.path),
            Existing::Stream => Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file")),
        }
    }

    fn existing(&self) -> io::Result<Existing> {
        if self.path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "it is the path of a directory; name a file",
            ));
        }
        let metadata = match fs::metadata(self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return match self.path.is_symlink() {
                    true => {
                        Err(io::Error::new(ErrorKind::NotFound, "it is a link to a file that does not exist"))
                    }
                    false => Ok(Existing::Nothing(self.path.to_owned())),
                };
            }
            other => other?,
        };
        if is_stream(metadata.file_type()) {
            return Ok(Existing::Stream);
        }
        if metadata.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.refuse_other_kind()?;
        // A rename alone would replace a read-only file, too.
        OpenOptions::new().write(true).open(self.path)?;
        Ok(Existing::Replaceable(fs::canonicalize(self.path)?, metadata))
    }

    fn refuse_other_kind(&self) -> io::Result<()> {
        let mut head = Vec::new();
        open_regular(self.path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        if head.is_empty() || (self.is_of_kind)(&head) {
            return Ok(());
        }
        let problem =
            "there is a file of another kind, which is not replaced; name another file, or remove it";
        Err(io::Error::new(ErrorKind::AlreadyExists, problem))
    }
}

/// Returns whether the first bytes of a file contain a text.
pub fn is_within(head: &[u8], text: &[u8]) -> bool {
    head.windows(text.len()).any(|part| part == text)
}

fn is_stream(kind: FileType) -> bool {
    kind.is_fifo() || kind.is_char_device()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn replace(path: &Path, old: Option<&Metadata>, content: &[u8]) -> io::Result<()> {
    let directory = Directory::open(parent(path))?;
    let file = TemporaryFile::new(&directory, MODE, content)?;
    if let Some(metadata) = old {
        file.keep_owner(metadata).map_err(|error| {
            io::Error::new(error.kind(), format!("its owner can't be kept by another user: {error}"))
        })?;
        file.keep_permissions(metadata)?;
    }
    file.rename(path.file_name().unwrap_or_default())
}

/// Opens a pipe or a device. The open does not wait for the reader of a pipe, the writes do.
fn open_stream(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
        Errno::NXIO => io::Error::other("no program reads from this pipe"),
        other => other.into(),
    })?;
    fcntl_setfl(&opened, fcntl_getfl(&opened)? - OFlags::NONBLOCK)?;
    Ok(File::from(opened))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, mknodat};
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn is_report(head: &[u8]) -> bool {
        head.starts_with(b"report")
    }

    fn write(path: &Path) -> io::Result<()> {
        let file = OutputFile::new(path, is_report);
        let checked = file.check();
        let written = file.write(b"report 2");
        assert_eq!(checked.is_ok(), written.is_ok(), "{checked:?} {written:?}");
        written
    }

    fn names(directory: &Path) -> Vec<std::ffi::OsString> {
        Directory::open(directory).and_then(|directory| directory.names()).expect("listed")
    }

    #[test]
    fn writes_a_new_file_and_replaces_one_of_its_kind_or_an_empty_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("report");
        for before in [None, Some("report 1"), Some("")] {
            if let Some(text) = before {
                fs::write(&path, text).expect("written");
            }
            write(&path).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("read"), "report 2");
        }
        assert_eq!(names(directory.path()), ["report"]);
    }

    #[test]
    fn a_replaced_file_keeps_its_permissions() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("report");
        fs::write(&path, "report 1").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        write(&path).expect("written");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn replaces_no_file_of_another_kind_also_behind_a_link() {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, link) = (directory.path().join("policy.c"), directory.path().join("link"));
        fs::write(&file, "int main;").expect("written");
        symlink("policy.c", &link).expect("linked");
        for path in [&file, &link] {
            let error = write(path).expect_err("of another kind").to_string();
            assert!(error.starts_with("there is a file of another kind"), "{error}");
        }
        assert_eq!(fs::read_to_string(&file).expect("read"), "int main;");
        assert_eq!(names(directory.path()), ["link", "policy.c"]);
    }

    #[test]
    fn follows_a_link_to_a_file_of_its_kind_and_refuses_one_to_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, link) = (directory.path().join("report"), directory.path().join("link"));
        symlink("report", &link).expect("linked");
        assert_eq!(write(&link).expect_err("no file").kind(), ErrorKind::NotFound);
        fs::write(&file, "report 1").expect("written");
        write(&link).expect("written");
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).expect("read"), "report 2");
    }

    #[test]
    fn removes_a_file_of_its_kind_and_no_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("report");
        let file = OutputFile::new(&path, is_report);
        file.remove().expect("there is none");
        fs::write(&path, "precious").expect("written");
        assert_eq!(file.remove().expect_err("another kind").kind(), ErrorKind::AlreadyExists);
        fs::write(&path, "report 1").expect("written");
        file.remove().expect("removed");
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn refuses_directories_and_paths_without_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let error = write(&directory.path().join("none/")).expect_err("a directory").to_string();
        assert_eq!(error, "it is the path of a directory; name a file");
        assert_eq!(write(directory.path()).expect_err("a directory").kind(), ErrorKind::IsADirectory);
        assert_eq!(
            write(&directory.path().join("a/b")).expect_err("no directory").kind(),
            ErrorKind::NotFound
        );
    }

    #[test]
    fn writes_to_devices_and_to_pipes_with_a_reader_and_waits_for_none() {
        OutputFile::new(Path::new("/dev/null"), is_report).write(b"report 2").expect("written");
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = directory.path().join("pipe");
        mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        let file = OutputFile::new(&pipe, is_report);
        assert_eq!(
            file.write(b"report 2").expect_err("no reader").to_string(),
            "no program reads from this pipe"
        );
        let reader =
            rustix::fs::open(&pipe, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).expect("opened");
        file.write(b"report 2").expect("written");
        assert_eq!(io::read_to_string(File::from(reader)).expect("read"), "report 2");
    }
}
