//! The components in the working directory, as `ordinance build` writes them.

use super::output::{self, CommonArgs};
use crate::config::InputError;
use std::fs;
use std::path::{Path, PathBuf};

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

    fn names(&self) -> String {
        self.0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// Warns if no component is named in a directory with some: the user may mean one of them, and not the built-in policy. `remedy` says
/// how to name it.
pub(super) fn warn_of_built_in(component: Option<&Path>, remedy: &str, common: CommonArgs) {
    if component.is_some() || common.quiet {
        return;
    }
    let components = LocalComponents::find();
    if !components.0.is_empty() {
        let names = components.names();
        output::warn(&format!(
            "this is the built-in policy `storage`; for {names} of this directory, {remedy}"
        ));
    }
}
