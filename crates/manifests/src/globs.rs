//! The files of a directory that a command line chooses.

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::path::Path;

/// Globs that choose the files of directories, with the syntax of `.gitignore`, relative to each directory.
#[derive(Clone, Debug, Default)]
pub struct PathGlobs {
    /// A file has to match one of these, or a directory above it, unless there are none.
    pub include: Vec<PathGlob>,
    /// A file or directory that matches one of these is left out, whatever it matches else.
    pub exclude: Vec<PathGlob>,
}

/// A valid glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGlob(String);

/// The globs of a directory.
#[derive(Clone)]
pub(crate) struct DirectoryGlobs {
    include: Gitignore,
    exclude: Gitignore,
}

// === impl PathGlob ===

impl PathGlob {
    /// Parses a glob.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("a glob can't be empty".to_owned());
        }
        // In a .gitignore, such a line is a comment.
        let glob = if text.starts_with('#') { format!("\\{text}") } else { text.to_owned() };
        let mut builder = builder(Path::new(""));
        builder.add_line(None, &glob).map_err(|error| error.to_string())?;
        builder.build().map_err(|error| error.to_string())?;
        Ok(Self(glob))
    }
}

// === impl DirectoryGlobs ===

impl DirectoryGlobs {
    pub(crate) fn new(globs: &PathGlobs, directory: &Path) -> Self {
        Self { include: matcher(&globs.include, directory), exclude: matcher(&globs.exclude, directory) }
    }

    /// Returns whether a directory may have files to read.
    pub(crate) fn allows_directory(&self, path: &Path) -> bool {
        !self.exclude.matched(path, true).is_ignore()
    }

    /// Returns whether to read a file of an allowed directory.
    pub(crate) fn allows_file(&self, path: &Path) -> bool {
        let is_included =
            || self.include.is_empty() || self.include.matched_path_or_any_parents(path, false).is_ignore();
        !self.exclude.matched(path, false).is_ignore() && is_included()
    }
}

fn builder(directory: &Path) -> GitignoreBuilder {
    let mut builder = GitignoreBuilder::new(directory);
    // An error in a file that is for others has to be read somehow; one on a command line can be corrected.
    builder.allow_unclosed_class(false);
    builder
}

fn matcher(globs: &[PathGlob], directory: &Path) -> Gitignore {
    let mut builder = builder(directory);
    for PathGlob(glob) in globs {
        // Parsing has added the same line to another builder, without an error.
        let _ = builder.add_line(None, glob);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(include: &[&str], exclude: &[&str]) -> DirectoryGlobs {
        let parsed =
            |globs: &[&str]| globs.iter().map(|glob| PathGlob::parse(glob).expect("valid")).collect();
        let globs = PathGlobs { include: parsed(include), exclude: parsed(exclude) };
        DirectoryGlobs::new(&globs, Path::new("./deploy"))
    }

    #[test]
    fn globs_are_relative_to_the_directory() {
        let file = |globs: &DirectoryGlobs, name: &str| globs.allows_file(&Path::new("./deploy").join(name));
        let chosen = globs(&["/web/", "*.yml"], &["test-*.yml"]);
        assert!(file(&chosen, "web/a.yaml") && file(&chosen, "x/b.yml"));
        assert!(!file(&chosen, "x/a.yaml") && !file(&chosen, "x/web/a.yaml"));
        assert!(!file(&chosen, "web/test-a.yml") && !file(&chosen, "test-b.yml"));
        assert!(file(&globs(&[], &[]), "any.json"));
    }

    #[test]
    fn an_excluded_directory_is_left_out_whole() {
        let excluded = globs(&["*.yaml"], &["fixtures/", "/a/*/b"]);
        let allows = |name: &str| excluded.allows_directory(&Path::new("./deploy").join(name));
        assert!(!allows("fixtures") && !allows("x/fixtures") && !allows("a/x/b"));
        assert!(allows("a") && allows("x/a/x/b"));
    }

    #[test]
    fn a_glob_is_valid_or_says_why_not() {
        assert!(PathGlob::parse("").is_err() && PathGlob::parse(" ").is_err());
        assert!(PathGlob::parse("a[").is_err_and(|why| why.contains("a[")));
        let comment =
            PathGlobs { exclude: vec![PathGlob::parse("#a").expect("valid")], ..PathGlobs::default() };
        assert!(!DirectoryGlobs::new(&comment, Path::new("d")).allows_file(Path::new("d/#a")));
    }
}
