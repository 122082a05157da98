//! The files of a directory and of the directories below it, sorted by name, without hidden ones.
//!
//! The crate `ignore`, which ripgrep is made of, walks and reads `.gitignore`.

use crate::chart;
use crate::globs::DirectoryGlobs;
use crate::sources::{ManifestSource, SourceError, advise, directory, is_manifest};
use ignore::{DirEntry, Error, WalkBuilder};
use std::collections::BTreeSet;
use std::error::Error as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// An entry of a directory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WalkedEntry {
    /// A file with the extension of manifests.
    File(PathBuf),
    /// A directory, before its entries.
    Directory(PathBuf),
    /// A link to a directory that is walked already, and not again.
    RepeatedDirectory(PathBuf),
    /// A link whose target is outside the searched directories. It is not followed: through it, a repository could have any
    /// file read.
    OutwardLink(PathBuf),
    /// A directory that can't be listed, or a manifest that can't be opened.
    Error(SourceError),
}

/// Which files are found.
#[derive(Clone)]
pub(crate) enum WalkScope {
    /// All but hidden ones.
    Everything,
    /// Those that these globs choose and no `.gitignore` excludes, without the parts of charts.
    Repository(Box<DirectoryGlobs>),
}

/// The directories that links may lead into, by their paths without links.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkRoots(Vec<PathBuf>);

/// The directories that are walked, by their paths without links, and the links that are not followed.
#[derive(Default)]
struct SeenDirectories {
    walked: BTreeSet<PathBuf>,
    repeated: BTreeSet<PathBuf>,
    outward: BTreeSet<PathBuf>,
}

/// Walks a directory. Links within the roots are followed, but each directory is walked once: by its own path if it has one
/// here.
pub(crate) fn walk(directory: &Path, scope: WalkScope, roots: &LinkRoots) -> Vec<WalkedEntry> {
    let entries = entries_without_links(directory, &scope);
    if !entries.iter().flatten().any(|entry| entry.path_is_symlink()) {
        return entries.into_iter().filter_map(of_entry).collect();
    }
    let own = entries.iter().flatten().filter(|entry| is_directory(entry));
    let own: BTreeSet<PathBuf> = own.filter_map(|entry| fs::canonicalize(entry.path()).ok()).collect();
    let seen = Arc::new(Mutex::new(SeenDirectories::default()));
    let roots = roots.clone();
    let mut builder = builder(directory, &scope);
    let seen_by_filter = Arc::clone(&seen);
    builder.follow_links(true).filter_entry(move |entry| {
        scope.contains(entry)
            && roots.contain(entry, &seen_by_filter)
            && is_first_visit(entry, &own, &seen_by_filter)
    });
    let mut entries: Vec<WalkedEntry> = builder.build().filter_map(of_entry).collect();
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    entries.extend(seen.repeated.into_iter().map(WalkedEntry::RepeatedDirectory));
    entries.extend(seen.outward.into_iter().map(WalkedEntry::OutwardLink));
    entries
}

/// Walks a directory without following a link in it. Every link is an entry: whether the scope has its target is not known
/// yet.
fn entries_without_links(directory: &Path, scope: &WalkScope) -> Vec<Result<DirEntry, Error>> {
    let scope_of_filter = scope.clone();
    let mut builder = builder(directory, scope);
    builder.filter_entry(move |entry| entry.path_is_symlink() || scope_of_filter.contains(entry));
    builder.build().collect()
}

fn builder(directory: &Path, scope: &WalkScope) -> WalkBuilder {
    let mut builder = WalkBuilder::new(directory);
    builder.standard_filters(false).hidden(true).sort_by_file_name(Ord::cmp);
    if let WalkScope::Repository(_) = scope {
        // As in git: in a work tree, the files above count, too; elsewhere only those in the directory.
        let is_work_tree = is_in_work_tree(directory);
        builder.git_ignore(true).require_git(is_work_tree).parents(is_work_tree);
    }
    builder
}

/// Returns whether git would read the `.gitignore` files above a directory.
fn is_in_work_tree(directory: &Path) -> bool {
    let directory = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    directory.ancestors().any(|above| above.join(".git").exists())
}

/// Returns whether an entry is no directory, or one that is not walked yet and is no link to one of the walk's own. Remembers
/// it.
fn is_first_visit(entry: &DirEntry, own: &BTreeSet<PathBuf>, seen: &Mutex<SeenDirectories>) -> bool {
    if !is_directory(entry) {
        return true;
    }
    let Ok(target) = fs::canonicalize(entry.path()) else { return true };
    let is_link_to_own = entry.depth() > 0 && entry.path_is_symlink() && own.contains(&target);
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = !is_link_to_own && seen.walked.insert(target);
    if !is_first {
        seen.repeated.insert(entry.path().to_owned());
    }
    is_first
}

fn is_directory(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}

fn of_entry(entry: Result<DirEntry, Error>) -> Option<WalkedEntry> {
    match entry {
        Ok(entry) if is_directory(&entry) => Some(WalkedEntry::Directory(entry.into_path())),
        Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) && is_manifest(entry.path()) => {
            Some(WalkedEntry::File(entry.into_path()))
        }
        Ok(_) => None,
        Err(error) => of_error(error),
    }
}

fn of_error(error: Error) -> Option<WalkedEntry> {
    // A link to a directory above: its files are found already.
    if let Some(link) = loop_of(&error) {
        return Some(WalkedEntry::RepeatedDirectory(link.to_owned()));
    }
    let path = path_of(&error)?.to_owned();
    let is_file = path.symlink_metadata().is_ok_and(|data| data.is_symlink() || data.is_file());
    if is_file && !is_manifest(&path) {
        return None;
    }
    let message = reason(&error).map_or_else(|| "can't be read".to_owned(), advise);
    Some(WalkedEntry::Error(ManifestSource::File(path).error(message)))
}

/// Returns the system's error, without the path that the walk adds to it.
fn reason(error: &Error) -> Option<&io::Error> {
    let error = error.io_error()?;
    Some(error.source().and_then(|source| source.downcast_ref()).unwrap_or(error))
}

fn loop_of(error: &Error) -> Option<&Path> {
    match error {
        Error::Loop { child, .. } => Some(child),
        Error::WithPath { err, .. } | Error::WithDepth { err, .. } => loop_of(err),
        _ => None,
    }
}

fn path_of(error: &Error) -> Option<&Path> {
    match error {
        Error::WithPath { path, .. } => Some(path),
        Error::WithDepth { err, .. } => path_of(err),
        _ => None,
    }
}

// === impl LinkRoots ===

impl LinkRoots {
    /// Returns the directories among some paths.
    pub(crate) fn of(named: &[PathBuf]) -> Self {
        let directories = named.iter().filter_map(|path| directory(path));
        Self(directories.filter_map(|path| fs::canonicalize(path).ok()).collect())
    }

    /// Returns whether an entry is no link, or one into a root. Remembers a link out of them if its target would be read.
    fn contain(&self, entry: &DirEntry, seen: &Mutex<SeenDirectories>) -> bool {
        if entry.depth() == 0 || !entry.path_is_symlink() {
            return true;
        }
        // The error of a link without a target is reported when it is opened.
        let Ok(target) = fs::canonicalize(entry.path()) else { return true };
        let is_inside = self.0.iter().any(|root| target.starts_with(root));
        if !is_inside && (is_directory(entry) || is_manifest(entry.path())) {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.outward.insert(entry.path().to_owned());
        }
        is_inside
    }
}

// === impl WalkScope ===

impl WalkScope {
    fn contains(&self, entry: &DirEntry) -> bool {
        let Self::Repository(globs) = self else { return true };
        let path = entry.path();
        match (entry.depth(), is_directory(entry)) {
            (0, _) => true,
            (_, true) => globs.allows_directory(path) && !chart::is_part(path),
            (_, false) => globs.allows_file(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::globs::PathGlobs;

    fn created(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for (file, text) in files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, text).expect("written");
        }
        directory
    }

    fn files(directory: &Path, below: &str) -> Vec<String> {
        let start = directory.join(below);
        let globs = DirectoryGlobs::new(&PathGlobs::default(), &start);
        let roots = LinkRoots::of(std::slice::from_ref(&start));
        let entries = walk(&start, WalkScope::Repository(Box::new(globs)), &roots).into_iter();
        let file = |entry| match entry {
            WalkedEntry::File(path) => {
                Some(path.strip_prefix(directory).expect("below").display().to_string())
            }
            _ => None,
        };
        entries.filter_map(file).collect()
    }

    const IGNORED: [(&str, &str); 6] = [
        (".gitignore", "build/\n*.local.yaml\n!keep.local.yaml\n"),
        ("a.yaml", ""),
        ("a.local.yaml", ""),
        ("keep.local.yaml", ""),
        ("build/b.yaml", ""),
        ("sub/c.local.yaml", ""),
    ];

    #[test]
    fn leaves_out_what_gitignore_names() {
        let directory = created(&IGNORED);
        assert_eq!(files(directory.path(), ""), ["a.yaml", "keep.local.yaml"]);
    }

    #[test]
    fn files_above_count_in_a_work_tree_and_up_to_it() {
        let directory = created(&IGNORED);
        assert_eq!(files(directory.path(), "sub"), ["sub/c.local.yaml"]);
        fs::create_dir(directory.path().join(".git")).expect("created");
        assert_eq!(files(directory.path(), "sub"), [""; 0]);
        fs::create_dir(directory.path().join("sub/.git")).expect("created");
        assert_eq!(files(directory.path(), "sub"), ["sub/c.local.yaml"]);
    }

    #[test]
    fn a_directory_is_found_although_it_is_ignored_itself() {
        let directory = created(&IGNORED);
        fs::create_dir(directory.path().join(".git")).expect("created");
        assert_eq!(files(directory.path(), "build"), ["build/b.yaml"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_is_walked_once_however_many_links_lead_to_it() {
        use std::os::unix::fs::symlink;
        let directory = created(&[("b/x.yaml", ""), ("c/y.yaml", "")]);
        let at = |name: &str| directory.path().join(name);
        symlink(at("c"), at("b/to-c")).expect("linked");
        symlink(at("b"), at("c/to-b")).expect("linked");
        symlink(at("b"), at("d")).expect("linked");
        let roots = LinkRoots::of(&[directory.path().to_owned()]);
        let entries = walk(directory.path(), WalkScope::Everything, &roots);
        let files: Vec<&Path> = entries
            .iter()
            .filter_map(|entry| match entry {
                WalkedEntry::File(path) => Some(path.strip_prefix(directory.path()).expect("below")),
                _ => None,
            })
            .collect();
        assert_eq!(files, ["b/x.yaml", "c/y.yaml"].map(Path::new));
        let repeated = entries.iter().filter(|entry| matches!(entry, WalkedEntry::RepeatedDirectory(_)));
        assert_eq!(repeated.count(), 3, "{entries:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_within_the_roots_only() {
        use std::os::unix::fs::symlink;
        let (one, other) = (created(&[("a.yaml", "")]), created(&[("sub/b.yaml", ""), ("c.yaml", "")]));
        let at = |name: &str| one.path().join(name);
        symlink(other.path().join("sub"), at("to-sub")).expect("linked");
        symlink(other.path().join("c.yaml"), at("to-c.yaml")).expect("linked");
        symlink("/proc/self/environ", at("environ.yaml")).expect("linked");
        symlink("/proc/self/environ", at("environ")).expect("linked");
        let walked = |roots: &[PathBuf]| {
            let (mut files, mut outward) = (0, 0);
            for entry in walk(one.path(), WalkScope::Everything, &LinkRoots::of(roots)) {
                match entry {
                    WalkedEntry::File(_) => files += 1,
                    WalkedEntry::OutwardLink(_) => outward += 1,
                    _ => {}
                }
            }
            (files, outward)
        };
        let (one, other) = (one.path().to_owned(), other.path().to_owned());
        assert_eq!(walked(std::slice::from_ref(&one)), (1, 3));
        assert_eq!(walked(&[one, other]), (3, 1));
    }
}
