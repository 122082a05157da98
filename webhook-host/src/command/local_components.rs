//! The components in the working directory, as `ordinance build` writes them.

use super::output;
use crate::config::InputError;
use std::fs;
use std::path::PathBuf;

/// The components in the working directory, by name.
pub(super) struct LocalComponents(Vec<PathBuf>);

// === impl LocalComponents ===

impl LocalComponents {
    /// Finds them. A directory that can't be read has none.
    pub(super) fn find() -> Self {
        let is_component = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
        let entries = fs::read_dir(".").into_iter().flatten().filter_map(Result::ok);
        let names = entries.filter_map(|entry| entry.path().strip_prefix(".").ok().map(PathBuf::from));
        let mut components: Vec<PathBuf> = names.filter(is_component).collect();
        components.sort();
        Self(components)
    }

    /// Returns the only component, or `None` without any.
    ///
    /// # Errors
    ///
    /// There are several.
    pub(super) fn only(mut self) -> Result<Option<PathBuf>, InputError> {
        match self.0.len() {
            0 | 1 => Ok(self.0.pop()),
            _ => {
                let problem =
                    format_args!("this directory has several components: {}; give one", self.names());
                Err(InputError::new("--policy", problem))
            }
        }
    }

    /// Warns that the built-in policy is used in a directory with components: its user may mean one of them. `remedy` says how
    /// to name a component.
    pub(super) fn warn_of_built_in(&self, remedy: &str) {
        if !self.0.is_empty() {
            output::warn(&format!(
                "this is the built-in policy `storage`; for {} of this directory, {remedy}",
                self.names()
            ));
        }
    }

    fn names(&self) -> String {
        self.0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}
