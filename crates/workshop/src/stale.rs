//! Tells whether a component is older than the sources that it is built from.

use crate::sources::Sources;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where the sources of one language are within a policy's folder.
struct SourcePlaces {
    /// Single files.
    files: &'static [&'static str],
    /// Folders with sources; the policy's own is empty.
    folders: &'static [&'static str],
    /// The extensions of the sources in these folders.
    extensions: &'static [&'static str],
    /// Whether the folders in these folders have sources, too.
    is_deep: bool,
}

const RUST: SourcePlaces = SourcePlaces {
    files: &["Cargo.toml", "build.rs"],
    folders: &["src"],
    extensions: &["rs"],
    is_deep: true,
};

const C: SourcePlaces = SourcePlaces {
    files: &[],
    folders: &["", "contract", "include"],
    extensions: &["c", "h"],
    is_deep: false,
};

const JAVASCRIPT: SourcePlaces = SourcePlaces {
    files: &["package.json"],
    folders: &["", "src"],
    extensions: &["js", "mjs"],
    is_deep: false,
};

/// Returns the last changed source of a component that lies in the folder of its policy, relative to that folder, if it was
/// changed after the component was written. Reads only folders of sources.
pub fn newer_source(component: &Path) -> Option<PathBuf> {
    let folder = component.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let places = match Sources::of(folder).ok()? {
        Sources::Rust(_) => RUST,
        Sources::C(_) => C,
        Sources::JavaScript(_) => JAVASCRIPT,
    };
    let built = changed(component)?;
    let sources = places.sources(folder).into_iter();
    let newer = sources.filter_map(|path| Some((changed(&path)?, path))).filter(|(time, _)| *time > built);
    let (_, path) = newer.max()?;
    Some(path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path))
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

// === impl SourcePlaces ===

impl SourcePlaces {
    fn sources(&self, folder: &Path) -> Vec<PathBuf> {
        let mut sources: Vec<PathBuf> = self.files.iter().map(|file| folder.join(file)).collect();
        for inner in self.folders {
            self.add(&folder.join(inner), &mut sources);
        }
        sources
    }

    /// Adds the sources of a folder.
    fn add(&self, folder: &Path, sources: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && self.is_deep {
                self.add(&path, sources);
            } else if !is_folder && self.is_source(&path) {
                sources.push(path);
            }
        }
    }

    /// Returns whether a file is built into the component. The tests of a policy in JavaScript are beside it.
    fn is_source(&self, path: &Path) -> bool {
        let is_test = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".test"));
        let extension = path.extension().and_then(|extension| extension.to_str());
        !is_test && extension.is_some_and(|extension| self.extensions.contains(&extension))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::Duration;
    use tempfile::TempDir;

    /// Returns a folder with files that were changed so many seconds after a common time.
    fn folder(files: &[(&str, u64)]) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, seconds) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds);
            File::create(path).and_then(|file| file.set_modified(time)).expect("written");
        }
        folder
    }

    fn newer(files: &[(&str, u64)]) -> Option<PathBuf> {
        newer_source(&folder(files).path().join("mine.wasm"))
    }

    #[test]
    fn names_the_last_changed_source_of_each_language() {
        let rust = [("Cargo.toml", 0), ("mine.wasm", 5), ("src/lib.rs", 6), ("src/rules/hosts.rs", 7)];
        assert_eq!(newer(&rust), Some("src/rules/hosts.rs".into()));
        let c = [("policy.c", 0), ("contract/policy.h", 6), ("mine.wasm", 5)];
        assert_eq!(newer(&c), Some("contract/policy.h".into()));
        let js = [("package.json", 0), ("policy.js", 6), ("mine.wasm", 5)];
        assert_eq!(newer(&js), Some("policy.js".into()));
    }

    #[test]
    fn a_component_that_was_built_last_or_lies_elsewhere_is_not_stale() {
        let rust = [("Cargo.toml", 0), ("src/lib.rs", 4), ("mine.wasm", 5)];
        assert_eq!(newer(&rust), None);
        let others = [
            ("target/debug/build/out.rs", 9),
            ("vendor/src/lib.rs", 9),
            ("cases/a.yaml", 9),
            ("Cargo.lock", 9),
            ("mine.settings.schema.json", 9),
        ];
        assert_eq!(newer(&[&rust[..], &others].concat()), None);
        let tests = [("policy.test.js", 9), ("node_modules/a.js", 9)];
        assert_eq!(
            newer(&[&[("package.json", 0), ("policy.js", 0), ("mine.wasm", 5)][..], &tests].concat()),
            None
        );
        assert_eq!(newer(&[("src/lib.rs", 9), ("mine.wasm", 5)]), None, "no sources of a policy");
        assert_eq!(newer(&[("Cargo.toml", 0), ("src/lib.rs", 9)]), None, "no component");
    }
}
