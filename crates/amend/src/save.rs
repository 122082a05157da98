//! Replacing a file in one step: whoever reads it sees the old text or the new one, and a full disk loses neither.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Why a file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// It can't be read, or not be written by this user.
    #[error("can't be written: {0}")]
    Closed(io::Error),
    /// A pipe, a device, a directory.
    #[error("is not a regular file")]
    Special,
    /// Somebody else wrote it since it was read.
    #[error("has changed since it was read: run again")]
    Changed,
    /// The new text could not be stored beside it, e.g. for want of space.
    #[error("is left as it was: the new text can't be stored in {directory}: {error}", directory = .0.display(), error = .1)]
    Unsaved(PathBuf, io::Error),
    /// Only its owner, or root, may give the new file the old one's owner.
    #[error("is left as it was: its owner can't be kept by another user: {0}")]
    Owner(io::Error),
}

/// Puts a new text in the place of a file's old one: written and synced beside it, then renamed over it, with its mode and
/// owner. A link stays a link: what it leads to is replaced.
///
/// # Errors
///
/// If anything fails. The file is what it was then.
pub fn save(path: &Path, old: &str, new: &str) -> Result<(), SaveError> {
    let target = fs::canonicalize(path).map_err(SaveError::Closed)?;
    let file = OpenOptions::new().read(true).write(true).open(&target).map_err(SaveError::Closed)?;
    let metadata = file.metadata().map_err(SaveError::Closed)?;
    if !metadata.is_file() {
        return Err(SaveError::Special);
    }
    let directory = target.parent().unwrap_or(Path::new("/"));
    let unsaved = |error| SaveError::Unsaved(directory.to_owned(), error);
    let written = beside(directory, new).map_err(unsaved)?;
    keep(&metadata, written.as_file())?;
    written.as_file().sync_all().map_err(unsaved)?;
    if fs::read(&target).map_err(SaveError::Closed)? != old.as_bytes() {
        return Err(SaveError::Changed);
    }
    written.persist(&target).map_err(|error| unsaved(error.error))?;
    // The rename has happened; that it is on the disk is for the file system to say.
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
    Ok(())
}

/// A file with a text in a directory, deleted when it is dropped.
fn beside(directory: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".ordinance-").tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// Gives a new file the owner and the mode of an old one.
fn keep(old: &Metadata, new: &File) -> Result<(), SaveError> {
    owner(old, new).map_err(SaveError::Owner)?;
    new.set_permissions(old.permissions()).map_err(SaveError::Closed)
}

#[cfg(unix)]
fn owner(old: &Metadata, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let is = new.metadata()?;
    if (is.uid(), is.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    fchown(new, Some(old.uid()), Some(old.gid()))
}

#[cfg(not(unix))]
fn owner(_old: &Metadata, _new: &File) -> io::Result<()> {
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
        // Only root can give a file away; anybody can keep it.
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
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
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
    fn what_somebody_else_wrote_is_not_overwritten() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = file(directory.path(), "a.yaml", "theirs");
        assert!(matches!(save(&path, "old", "new"), Err(SaveError::Changed)));
        assert_eq!(fs::read_to_string(&path).expect("read"), "theirs");
        assert_eq!(names(directory.path()), ["a.yaml"]);
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        assert!(matches!(save(Path::new("/dev/null"), "", "new"), Err(SaveError::Special)));
        let directory = tempfile::tempdir().expect("a directory");
        assert!(matches!(save(directory.path(), "", "new"), Err(SaveError::Closed(_))));
        assert!(matches!(save(&directory.path().join("none"), "", "new"), Err(SaveError::Closed(_))));
    }
}
