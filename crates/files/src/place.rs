//! Where a file is.

use std::path::{Path, PathBuf};

/// Where a file is: a directory that the user chooses, and the path of the file below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The directory; empty for the working directory. Its path may have links.
    pub directory: PathBuf,
    /// The path below the directory.
    pub below: PathBuf,
}

// === impl FilePlace ===

impl FilePlace {
    /// Returns the place of a file whose directory is chosen with it.
    pub fn of(file: &Path) -> Self {
        let directory = file.parent().unwrap_or(Path::new("")).to_owned();
        let below = file.file_name().map(PathBuf::from).unwrap_or_default();
        Self { directory, below }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.below)
    }

    /// Returns whether the file, or a directory between it and the chosen one, is a link.
    pub fn is_behind_link(&self) -> bool {
        let above = self.below.ancestors().filter(|part| !part.as_os_str().is_empty());
        above.map(|part| self.directory.join(part)).any(|path| path.is_symlink())
    }
}
