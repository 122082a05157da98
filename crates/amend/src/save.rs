//! Replaces a file in one step: readers see the old text or the new one, and a full disk loses neither.
//!
//! `tempfile` writes and renames; the owner, the mode, links and the check for concurrent changes are handled here.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Why a file was not replaced. Each message continues a sentence that begins with the file's name.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// This user cannot read or write the file.
    #[error("can't be written: {0}")]
    Closed(io::Error),
    /// The path is a pipe or a device.
    #[error("is not a regular file")]
    Special,
    /// Another process has written the file since it was read.
    #[error("has changed since it was read: run again")]
    Changed,
    /// The new text could not be stored in the file's directory, e.g. because the disk is full.
    #[error("is left as it was: the new text can't be stored in {directory}: {error}", directory = .0.display(), error = .1)]
    Unsaved(PathBuf, io::Error),
    /// This user may not give the new file the owner of the old one.
    #[error("is left as it was: its owner can't be kept by another user: {0}")]
    Owner(io::Error),
}

/// Replaces the text of a file.
///
/// The new text is written and synced in the same directory, gets the file's mode and owner, and is renamed over it. A
/// link stays a link; its target is replaced.
///
/// # Errors
///
/// If any step fails. The file then has its old text.
pub fn save(path: &Path, old: &str, new: &str) -> Result<(), SaveError> {
    let target = fs::canonicalize(path).map_err(SaveError::Closed)?;
    let file = OpenOptions::new().read(true).write(true).open(&target).map_err(SaveError::Closed)?;
    let metadata = file.metadata().map_err(SaveError::Closed)?;
    if !metadata.is_file() {
        return Err(SaveError::Special);
    }
    let directory = target.parent().unwrap_or(Path::new("/"));
    let unsaved = |error| SaveError::Unsaved(directory.to_owned(), error);
    let written = temporary_file(directory, new).map_err(unsaved)?;
    copy_owner_and_mode(&metadata, written.as_file())?;
    written.as_file().sync_all().map_err(unsaved)?;
    if fs::read(&target).map_err(SaveError::Closed)? != old.as_bytes() {
        return Err(SaveError::Changed);
    }
    written.persist(&target).map_err(|error| unsaved(error.error))?;
    // The file is replaced already; without this sync a power failure may undo that, which is no error here.
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
    Ok(())
}

/// Creates a file with a text in a directory. It is deleted on drop.
fn temporary_file(directory: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".ordinance-").tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// Copies owner and mode.
fn copy_owner_and_mode(old: &Metadata, new: &File) -> Result<(), SaveError> {
    copy_owner(old, new).map_err(SaveError::Owner)?;
    new.set_permissions(old.permissions()).map_err(SaveError::Closed)
}

#[cfg(unix)]
fn copy_owner(old: &Metadata, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let current = new.metadata()?;
    if (current.uid(), current.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    fchown(new, Some(old.uid()), Some(old.gid()))
}

#[cfg(not(unix))]
fn copy_owner(_old: &Metadata, _new: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn file(directory: &Path, name: &str, text: &str) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, text).expect("written");
        path
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_keeps_its_mode_and_its_owner() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = file(directory.path(), "a.yaml", "old");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
        // Only root can change the owner; for other users the test covers the mode.
        let _ = std::os::unix::fs::chown(&path, Some(12), Some(34));
        let before = fs::metadata(&path).expect("there");
        save(&path, "old", "new").expect("saved");
        let after = fs::metadata(&path).expect("there");
        assert_eq!(fs::read_to_string(&path).expect("read"), "new");
        use std::os::unix::fs::MetadataExt;
        assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
        assert_eq!(names(directory.path()), ["a.yaml"]);
    }

    #[test]
    fn a_link_stays_and_its_target_is_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("real")).expect("made");
        let real = file(&directory.path().join("real"), "a.yaml", "old");
        let link = directory.path().join("link.yaml");
        symlink("real/a.yaml", &link).expect("linked");
        save(&link, "old", "new").expect("saved");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read_to_string(real).expect("read"), "new");
        assert_eq!(names(directory.path()), ["link.yaml", "real"]);
    }

    #[test]
    fn a_file_that_has_changed_is_not_overwritten() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = file(directory.path(), "a.yaml", "theirs");
        assert!(matches!(save(&path, "old", "new"), Err(SaveError::Changed)));
        assert_eq!(fs::read_to_string(&path).expect("read"), "theirs");
        assert_eq!(names(directory.path()), ["a.yaml"]);
    }

    #[test]
    fn refuses_to_replace_what_is_not_a_regular_file() {
        assert!(matches!(save(Path::new("/dev/null"), "", "new"), Err(SaveError::Special)));
        let directory = tempfile::tempdir().expect("a directory");
        assert!(matches!(save(directory.path(), "", "new"), Err(SaveError::Closed(_))));
        assert!(matches!(save(&directory.path().join("none"), "", "new"), Err(SaveError::Closed(_))));
    }
}
