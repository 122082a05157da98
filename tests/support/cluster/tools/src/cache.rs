//! The cache of programs: one folder for each content of a module's `go.sum`, and one for programs from packages.
//!
//! A program appears with a rename, and only one process builds in a folder at a time.

use crate::error::Error;
use crate::recipe::Tool;
use crate::recipe::ToolSource;
use crate::{build, package};
use sha2::{Digest, Sha256};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The number of hash bytes in a folder's name.
const HASH_BYTES: usize = 8;

/// The programs that were built or fetched before.
pub(crate) struct Cache {
    root: PathBuf,
}

// === impl Cache ===

impl Cache {
    /// Opens the cache of the current user.
    pub(crate) fn open() -> Result<Self, Error> {
        Ok(Self { root: folder()?.join("tools") })
    }

    /// The path of a program in the cache, whether or not it exists.
    pub(crate) fn path(&self, tool: Tool) -> Result<PathBuf, Error> {
        Ok(self.folder(tool.source())?.join("bin").join(tool.name()))
    }

    fn folder(&self, source: ToolSource) -> Result<PathBuf, Error> {
        let ToolSource::Module(module) = source else { return Ok(self.root.join("packages")) };
        let sums = module.folder().join("go.sum");
        let sums = std::fs::read(&sums).map_err(|error| Error::File { path: sums, error })?;
        let name: String =
            Sha256::digest(sums).iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Ok(self.root.join(name))
    }

    /// Builds or fetches a program, unless another process has done so meanwhile, and returns its path.
    pub(crate) fn build(&self, tool: Tool, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
        let (folder, path) = (self.folder(tool.source())?, self.path(tool)?);
        let made = std::fs::create_dir_all(folder.join("bin"));
        made.map_err(|error| Error::File { path: folder.clone(), error })?;
        let _lock = lock(&folder.join("lock"), progress)?;
        if !path.is_file() {
            let part = path.with_extension("part");
            match tool.source() {
                ToolSource::Module(module) => build::program(tool, module, &part, progress)?,
                ToolSource::Package(name) => package::program(name, tool, &folder, &part)?,
            }
            std::fs::rename(&part, &path).map_err(|error| Error::File { path: path.clone(), error })?;
        }
        Ok(path)
    }
}

/// The project's cache folder: `ordinance` below `XDG_CACHE_HOME` or `~/.cache`.
///
/// # Errors
///
/// Returns an error if the environment names neither.
pub fn folder() -> Result<PathBuf, Error> {
    let named = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || {
        std::env::var_os("HOME").filter(|path| !path.is_empty()).map(|home| Path::new(&home).join(".cache"))
    };
    named.or_else(home).map(|cache| cache.join("ordinance")).ok_or(Error::NoCache)
}

/// Waits for a lock. It is released when the file is dropped, or when this process ends.
fn lock(path: &Path, progress: &mut dyn FnMut(&str)) -> Result<File, Error> {
    let failed = |error| Error::File { path: path.to_path_buf(), error };
    if let Some(file) = try_lock(path).map_err(failed)? {
        return Ok(file);
    }
    progress("  waiting for another process that builds there");
    let file = File::create(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Takes a lock, which is released when the file is dropped, or when this process ends. Returns `None` while another
/// process holds it.
///
/// # Errors
///
/// Returns an error if the file can't be created or locked.
pub fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = File::create(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
