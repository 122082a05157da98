//! The folder and the process group that the parts of a cluster share.

use crate::process_group::ProcessGroup;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder, and a group of processes that use it. When this value is dropped or this process ends, the processes are
/// killed and the folder is removed.
#[derive(Debug)]
pub struct Workspace {
    group: ProcessGroup,
    folder: TempDir,
}

// === impl Workspace ===

impl Workspace {
    /// Creates an empty folder and a process group.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ordinance-cluster-").tempdir()?;
        Ok(Self { group: ProcessGroup::new(folder.path())?, folder })
    }

    /// Returns the path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the folder and returns its path.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// The path of the folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds the process of a command to the group.
    pub fn join(&self, command: &mut Command) {
        self.group.join(command);
    }
}
