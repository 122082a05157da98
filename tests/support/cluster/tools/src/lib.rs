//! The programs of a control plane, a node, and Helm's client: found, or built once from their Go modules.
//!
//! A program is looked for in `ORDINANCE_TOOLS` and `KUBEBUILDER_ASSETS`, then among those built before. What is found
//! nowhere is built into a cache outside the tree, `ordinance/tools/<hash of go.sum>/bin` below `XDG_CACHE_HOME` or
//! `~/.cache`; two programs are taken out of Debian's packages, which are not installed. The modules beside this code have
//! no code of their own: they say which versions.

mod build;
mod cache;
mod package;
mod recipe;

pub use cache::{folder, try_lock};
pub use recipe::Tool;

use cache::Cache;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Folders to look in first: people who have these programs don't want to wait.
const FOLDERS: [&str; 2] = ["ORDINANCE_TOOLS", "KUBEBUILDER_ASSETS"];

/// Where programs are.
#[derive(Clone, Debug)]
pub struct Tools {
    paths: BTreeMap<Tool, PathBuf>,
}

/// Why a program can't be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It would have to be built, and there is nothing to build it with.
    #[error(
        "{missing} can't be had: neither ORDINANCE_TOOLS nor KUBEBUILDER_ASSETS names a folder with them, and there is \
         no Go to build them with; install Go 1.26 or newer"
    )]
    NoGo {
        /// The programs, by name.
        missing: String,
    },
    /// Go could not build it.
    #[error("{tool} could not be built: {output}")]
    Build {
        /// The program's name.
        tool: &'static str,
        /// What Go said last.
        output: String,
    },
    /// It is in a package that can't be fetched.
    #[error(
        "{tool} can't be had: ORDINANCE_TOOLS names no folder with it, and apt can't fetch the package {package}: {output}"
    )]
    Package {
        /// The program's name.
        tool: &'static str,
        /// The package's name.
        package: &'static str,
        /// What was said of it.
        output: String,
    },
    /// There is no folder for the cache.
    #[error("neither XDG_CACHE_HOME nor HOME is set: there is no place to keep what is built")]
    NoCache,
    /// The cache can't be read or written.
    #[error("{path}: {error}")]
    File {
        /// What was to be read or written.
        path: PathBuf,
        /// Why it can't.
        error: std::io::Error,
    },
}

/// Finds programs, and builds or fetches those that are found nowhere: minutes the first time. `say` gets lines of progress.
///
/// # Errors
///
/// Which program can't be had, and why.
pub fn find(wanted: &[Tool], say: &mut dyn FnMut(&str)) -> Result<Tools, Error> {
    let mut tools = Tools { paths: BTreeMap::new() };
    let missing = tools.take_from(&folders(), wanted);
    if missing.is_empty() {
        return Ok(tools);
    }
    let cache = Cache::open()?;
    let unbuilt = tools.take_built(&cache, &missing)?;
    build::needs_go(&unbuilt)?;
    for (index, tool) in unbuilt.iter().enumerate() {
        say(&format!("getting {} ({} of {})", tool.name(), index + 1, unbuilt.len()));
        tools.paths.insert(*tool, cache.build(*tool, say)?);
    }
    Ok(tools)
}

/// The folders that the environment names.
fn folders() -> Vec<PathBuf> {
    FOLDERS.iter().filter_map(std::env::var_os).map(PathBuf::from).collect()
}

// === impl Tools ===

impl Tools {
    /// Where a program is; its bare name if it was not asked for.
    #[must_use]
    pub fn path(&self, tool: Tool) -> &Path {
        self.paths.get(&tool).map_or(Path::new(tool.name()), PathBuf::as_path)
    }

    /// The folders of all programs, for `PATH`, before what is in `PATH` already.
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

    /// Takes what folders have, and returns what none has.
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

    /// Takes what was built before, and returns what was not.
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
    fn what_a_folder_has_is_taken_from_it() {
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
    fn the_first_folder_wins() {
        let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
        for folder in &folders {
            std::fs::write(folder.path().join("helm"), "").expect("written");
        }
        let mut tools = Tools { paths: BTreeMap::new() };
        tools.take_from(&folders.each_ref().map(|folder| folder.path().to_path_buf()), &[Tool::Helm]);
        assert_eq!(tools.path(Tool::Helm).parent(), Some(folders[0].path()));
    }
}
