//! What the parts of a cluster have in common: a folder for their files, and one end.

use crate::process_group::ProcessGroup;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder that is removed, and processes that end, with this value or with this process.
#[derive(Debug)]
pub struct Workspace {
    group: ProcessGroup,
    folder: TempDir,
}

// === impl Workspace ===

impl Workspace {
    /// A new folder, for whoever starts this.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ordinance-cluster-").tempdir()?;
        Ok(Self { group: ProcessGroup::new(folder.path())?, folder })
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a command's process end with this value.
    pub fn join(&self, command: &mut Command) {
        self.group.join(command);
    }
}
