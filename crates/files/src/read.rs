//! Reads regular files up to a size. Pipes, devices and directories are refused at once, without waiting for them.

use crate::directory::is_own;
use rustix::fs::{Mode, OFlags};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// How a file is opened for reading: `NONBLOCK`, because opening a pipe waits for its writer otherwise.
pub(crate) const READING: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOCTTY).union(OFlags::NONBLOCK);

/// Opens a regular file for reading. Links are followed.
///
/// # Errors
///
/// The file can't be opened, or is a pipe, a device or a directory.
pub fn open_regular(path: &Path) -> io::Result<File> {
    regular(File::from(rustix::fs::open(path, READING, Mode::empty())?))
}

/// Opens a regular file or a pipe for reading. Links are followed. Opening a named pipe waits for its writer.
///
/// # Errors
///
/// The file can't be opened, or is a device or a directory.
pub fn open_regular_or_pipe(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_file() && !kind.is_fifo() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "neither a regular file nor a pipe"));
    }
    File::open(path)
}

/// Returns whether something that is no regular file has this path, e.g. a device. Links are followed. A rename would replace it.
pub fn is_other_than_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file())
}

/// Reads a whole regular file of at most `limit` bytes.
///
/// # Errors
///
/// As [`open_regular`] and [`read_up_to`].
pub fn read_regular(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    read_up_to(open_regular(path)?, limit)
}

/// Reads a whole stream of at most `limit` bytes.
///
/// # Errors
///
/// The stream can't be read, or is longer: [`ErrorKind::FileTooLarge`].
pub fn read_up_to(stream: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// Returns whether only this process's user can write to an open file.
///
/// # Errors
///
/// The file can't be read.
pub fn is_own_file(file: &File) -> io::Result<bool> {
    let data = file.metadata()?;
    Ok(is_own(data.uid(), data.mode()))
}

/// Refuses an open file that is not a regular one.
pub(crate) fn regular(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, mknodat};

    fn error(path: &Path) -> String {
        read_regular(path, 3).expect_err("it is refused").to_string()
    }

    #[test]
    fn reads_a_regular_file_up_to_the_limit() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        fs::write(&path, "abc").expect("written");
        assert_eq!(read_regular(&path, 3).expect("read"), b"abc");
        let error = read_regular(&path, 2).expect_err("too large");
        assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::FileTooLarge, "larger than 2 bytes"));
    }

    #[test]
    fn refuses_pipes_devices_and_directories_without_waiting() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = directory.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        for path in [&*pipe, directory.path(), Path::new("/dev/zero"), Path::new("/dev/null")] {
            assert_eq!(error(path), "not a regular file", "{path:?}");
        }
    }

    #[test]
    fn refuses_devices_where_a_pipe_is_allowed() {
        for path in ["/dev/zero", "/"] {
            let error = open_regular_or_pipe(Path::new(path)).expect_err("it is refused");
            assert_eq!(error.to_string(), "neither a regular file nor a pipe");
        }
    }
}
