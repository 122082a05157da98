//! The programs of a control plane, a node, and Helm: found, or built once from their Go modules.
//!
//! [`find`] searches the folders in `ORDINANCE_TOOLS` and `KUBEBUILDER_ASSETS`, then the cache outside the checkout:
//! `ordinance/tools/<hash of go.sum>/bin` below `XDG_CACHE_HOME` or `~/.cache`. It builds what is missing into that cache.
//! Two programs come from Debian's packages, which are not installed. The Go modules in this package contain no code: they
//! pin the versions.

mod build;
mod cache;
mod error;
mod package;
mod recipe;

pub use cache::{folder, try_lock};
pub use error::Error;
pub use recipe::Tool;

use cache::Cache;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Environment variables with the folders to search first.
const FOLDERS: [&str; 2] = ["ORDINANCE_TOOLS", "KUBEBUILDER_ASSETS"];

/// The paths of the programs.
#[derive(Clone, Debug)]
pub struct Tools {
    paths: BTreeMap<Tool, PathBuf>,
}

/// Finds programs, and builds or fetches the missing ones, which takes minutes the first time. Passes lines of progress
/// to `progress`.
///
/// # Errors
///
/// Returns an error that names the programs that are not available.
pub fn find(wanted: &[Tool], progress: &mut dyn FnMut(&str)) -> Result<Tools, Error> {
    let mut tools = Tools { paths: BTreeMap::new() };
    let missing = tools.take_from(&folders(), wanted);
    if missing.is_empty() {
        return Ok(tools);
    }
    let cache = Cache::open()?;
    let unbuilt = tools.take_built(&cache, &missing)?;
    build::require_go(&unbuilt)?;
    for (index, tool) in unbuilt.iter().enumerate() {
        progress(&format!("getting {} ({} of {})", tool.name(), index + 1, unbuilt.len()));
        tools.paths.insert(*tool, cache.build(*tool, progress)?);
    }
    Ok(tools)
}

/// Returns the folders that the environment variables in [`FOLDERS`] name.
fn folders() -> Vec<PathBuf> {
    FOLDERS.iter().filter_map(std::env::var_os).map(PathBuf::from).collect()
}

// === impl Tools ===

impl Tools {
    /// The path of a program, or its bare name if [`find`] was not called for it.
    #[must_use]
    pub fn path(&self, tool: Tool) -> &Path {
        self.paths.get(&tool).map_or(Path::new(tool.name()), PathBuf::as_path)
    }

    /// A value for `PATH`: the folders of all programs, followed by the inherited ones.
    #[must_use]
    pub fn search_path(&self) -> OsString {
        let mut folders: Vec<PathBuf> =
            self.paths.values().filter_map(|path| path.parent().map(Path::to_path_buf)).collect();
        folders.sort();
        folders.dedup();
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        folders.extend(std::env::split_paths(&inherited));
        std::env::join_paths(folders).unwrap_or(inherited)
    }

    /// Takes programs from folders, and returns those that are in none of them.
    fn take_from(&mut self, folders: &[PathBuf], wanted: &[Tool]) -> Vec<Tool> {
        let mut missing = Vec::new();
        for tool in wanted {
            let mut found =
                folders.iter().map(|folder| folder.join(tool.name())).filter(|path| path.is_file());
            match found.next() {
                Some(path) => drop(self.paths.insert(*tool, path)),
                None => missing.push(*tool),
            }
        }
        missing
    }

    /// Takes programs from the cache, and returns those that it lacks.
    fn take_built(&mut self, cache: &Cache, wanted: &[Tool]) -> Result<Vec<Tool>, Error> {
        let mut missing = Vec::new();
        for tool in wanted {
            let path = cache.path(*tool)?;
            if path.is_file() {
                self.paths.insert(*tool, path);
            } else {
                missing.push(*tool);
            }
        }
        Ok(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_program_in_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("etcd"), "").expect("written");
        let mut tools = Tools { paths: BTreeMap::new() };
        let missing = tools.take_from(&[folder.path().to_path_buf()], &[Tool::Etcd, Tool::Kubectl]);
        assert_eq!(
            (tools.path(Tool::Etcd), missing),
            (folder.path().join("etcd").as_path(), vec![Tool::Kubectl])
        );
    }

    #[test]
    fn prefers_the_first_folder() {
        let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
        for folder in &folders {
            std::fs::write(folder.path().join("helm"), "").expect("written");
        }
        let mut tools = Tools { paths: BTreeMap::new() };
        tools.take_from(&folders.each_ref().map(|folder| folder.path().to_path_buf()), &[Tool::Helm]);
        assert_eq!(tools.path(Tool::Helm).parent(), Some(folders[0].path()));
    }
}
