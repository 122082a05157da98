//! Replaces a file in one step: readers see the old text or the new one, and a full disk loses neither.
//!
//! The directory is opened once, and no link in it is followed. So its creator can't choose another file to be written, not even
//! between reading and writing.

use crate::directory::Directory;
use crate::place::FilePlace;
use crate::temporary::{PRIVATE, TemporaryFile};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Why a file was not replaced. Each message continues a sentence that begins with the file's name.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The file can't be opened without following a link, is no regular file, or this user cannot read or write it.
    #[error("can't be written: {0}")]
    Closed(io::Error),
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
/// The new text is written and synced in the same directory, gets the file's permissions and owner, and is renamed over it. So
/// another hard link to the file keeps the old text.
///
/// # Errors
///
/// If the file or a directory below the chosen one is a link, or any step fails. The file then has its old text.
pub fn save(place: &FilePlace, old: &str, new: &str) -> Result<(), SaveError> {
    let directory = Directory::open(&place.directory).map_err(SaveError::Closed)?;
    let (directory, name) = directory.parent_of(&place.below).map_err(SaveError::Closed)?;
    let metadata = writable(&directory, name).map_err(SaveError::Closed)?;
    let unsaved = |error| SaveError::Unsaved(parent(place), error);
    let written = TemporaryFile::new(&directory, PRIVATE, new.as_bytes()).map_err(unsaved)?;
    written.keep_owner(&metadata).map_err(SaveError::Owner)?;
    written.keep_permissions(&metadata).map_err(SaveError::Closed)?;
    written.sync().map_err(unsaved)?;
    if !has_text(&directory, name, &metadata, old).map_err(SaveError::Closed)? {
        return Err(SaveError::Changed);
    }
    written.rename(name).map_err(unsaved)?;
    // The file is replaced already; without this sync a power failure may undo that, which is no error here.
    let _ = directory.sync();
    Ok(())
}

/// Returns the path of the file's directory.
fn parent(place: &FilePlace) -> PathBuf {
    match place.path().parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Returns the metadata of a file that this user may read and write: a rename alone would replace a read-only file, too.
fn writable(directory: &Directory, name: &OsStr) -> io::Result<Metadata> {
    directory.file(name)?;
    directory.file_for_writing(name)?.metadata()
}

/// Returns whether the entry is still the same file with this text.
fn has_text(directory: &Directory, name: &OsStr, metadata: &Metadata, text: &str) -> io::Result<bool> {
    let file = directory.file(name)?;
    let current = file.metadata()?;
    if (current.dev(), current.ino()) != (metadata.dev(), metadata.ino()) {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    file.take(text.len() as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    fn place(directory: &Path, below: &str) -> FilePlace {
        FilePlace { directory: directory.to_owned(), below: below.into() }
    }

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
    fn a_file_keeps_its_permissions_and_its_owner() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = file(directory.path(), "a.yaml", "old");
        // Only root can change the owner; for other users the test covers the permissions.
        let _ = std::os::unix::fs::chown(&path, Some(12), Some(34));
        fs::set_permissions(&path, Permissions::from_mode(0o4640)).expect("a mode");
        let before = fs::metadata(&path).expect("there");
        save(&place(directory.path(), "a.yaml"), "old", "new").expect("saved");
        let after = fs::metadata(&path).expect("there");
        assert_eq!(fs::read_to_string(&path).expect("read"), "new");
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_eq!(after.mode() & 0o7777, 0o640);
        assert_eq!(names(directory.path()), ["a.yaml"]);
    }

    #[test]
    fn no_link_below_the_directory_is_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("real")).expect("made");
        let real = file(&directory.path().join("real"), "a.yaml", "old");
        symlink("real/a.yaml", directory.path().join("link.yaml")).expect("linked");
        symlink("real", directory.path().join("linked")).expect("linked");
        for below in ["link.yaml", "linked/a.yaml"] {
            let place = place(directory.path(), below);
            assert!(place.is_behind_link(), "{below}");
            assert!(matches!(save(&place, "old", "new"), Err(SaveError::Closed(_))), "{below}");
        }
        assert_eq!(fs::read_to_string(&real).expect("read"), "old");
        for place in
            [place(directory.path(), "real/a.yaml"), place(&directory.path().join("linked"), "a.yaml")]
        {
            assert!(!place.is_behind_link(), "{place:?}");
            save(&place, "old", "new").expect("saved");
            assert_eq!(fs::read_to_string(&real).expect("read"), "new");
            fs::write(&real, "old").expect("written");
        }
        assert_eq!(names(directory.path()), ["link.yaml", "linked", "real"]);
    }

    #[test]
    fn another_hard_link_keeps_the_old_text() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = file(directory.path(), "a.yaml", "old");
        let other = directory.path().join("other");
        fs::hard_link(&path, &other).expect("linked");
        save(&place(directory.path(), "a.yaml"), "old", "new").expect("saved");
        assert_eq!(fs::read_to_string(&path).expect("read"), "new");
        assert_eq!(fs::read_to_string(&other).expect("read"), "old");
    }

    #[test]
    fn a_prepared_name_of_the_new_text_is_not_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let victim = file(directory.path(), "victim", "precious");
        let path = file(directory.path(), "a.yaml", "old");
        let prepared = format!(".ordinance-{}-0", std::process::id());
        symlink("victim", directory.path().join(&prepared)).expect("linked");
        save(&place(directory.path(), "a.yaml"), "old", "new").expect("saved");
        assert_eq!(fs::read_to_string(&victim).expect("read"), "precious");
        assert_eq!(fs::read_to_string(&path).expect("read"), "new");
        assert_eq!(names(directory.path()), [&*prepared, "a.yaml", "victim"]);
    }

    #[test]
    fn a_file_that_has_changed_is_not_overwritten() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = file(directory.path(), "a.yaml", "theirs");
        assert!(matches!(save(&place(directory.path(), "a.yaml"), "old", "new"), Err(SaveError::Changed)));
        assert_eq!(fs::read_to_string(&path).expect("read"), "theirs");
        assert_eq!(names(directory.path()), ["a.yaml"]);
    }

    #[test]
    fn a_file_that_was_exchanged_is_another_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = file(directory.path(), "a.yaml", "same");
        let opened = Directory::open(directory.path()).expect("opened");
        let before = writable(&opened, OsStr::new("a.yaml")).expect("there");
        file(directory.path(), "b.yaml", "same");
        assert!(has_text(&opened, OsStr::new("a.yaml"), &before, "same").expect("read"));
        fs::rename(directory.path().join("b.yaml"), path).expect("renamed");
        assert!(!has_text(&opened, OsStr::new("a.yaml"), &before, "same").expect("read"));
    }

    #[test]
    fn refuses_to_replace_what_is_not_a_regular_file() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("sub")).expect("made");
        let device = place(Path::new("/dev"), "null");
        for place in [device, place(directory.path(), "sub"), place(directory.path(), "none")] {
            assert!(matches!(save(&place, "", "new"), Err(SaveError::Closed(_))), "{place:?}");
        }
    }
}
