//! What a directory holds.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    kind: &'static str,
    mode: u32,
    owner: (u32, u32),
    /// Seconds; not of links.
    time: i64,
    /// The content of a file, or the target of a link.
    content: Vec<u8>,
    /// The first path with the same inode.
    first_link: PathBuf,
}

/// The entries of a directory by their paths.
pub type Tree = BTreeMap<PathBuf, Entry>;

/// Returns the entries below a directory, without top entries of these names.
pub fn tree(directory: &Path, left_out: &[&str]) -> Tree {
    let mut tree = Tree::new();
    let mut inodes = BTreeMap::new();
    add(directory, Path::new(""), left_out, &mut tree, &mut inodes);
    tree
}

/// Fails with the paths at which two trees differ.
#[track_caller]
pub fn assert_same(found: &Tree, expected: &Tree) {
    let differs = |path: &&PathBuf| found.get(*path) != expected.get(*path);
    let paths: Vec<&PathBuf> = found.keys().chain(expected.keys()).filter(differs).collect();
    let entries: Vec<_> =
        paths.iter().take(3).map(|path| (path, found.get(*path), expected.get(*path))).collect();
    assert!(paths.is_empty(), "{} paths differ, e.g. {entries:?}", paths.len());
}

fn add(
    directory: &Path,
    folder: &Path,
    left_out: &[&str],
    tree: &mut Tree,
    inodes: &mut BTreeMap<u64, PathBuf>,
) {
    let mut names: Vec<_> =
        fs::read_dir(directory.join(folder)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        if folder == Path::new("") && left_out.iter().any(|out| OsStr::from_bytes(out.as_bytes()) == name) {
            continue;
        }
        let path = folder.join(&name);
        let metadata = directory.join(&path).symlink_metadata().unwrap();
        let first_link = inodes.entry(metadata.ino()).or_insert_with(|| path.clone()).clone();
        tree.insert(path.clone(), entry(&directory.join(&path), &metadata, first_link));
        if metadata.is_dir() {
            add(directory, &path, left_out, tree, inodes);
        }
    }
}

fn entry(path: &Path, metadata: &Metadata, first_link: PathBuf) -> Entry {
    let kind = metadata.file_type();
    let (kind, content) = if kind.is_symlink() {
        ("link", fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec())
    } else if kind.is_dir() {
        ("directory", Vec::new())
    } else if kind.is_fifo() {
        ("fifo", Vec::new())
    } else {
        ("file", fs::read(path).unwrap())
    };
    let (mode, time) = if kind == "link" { (0, 0) } else { (metadata.mode(), metadata.mtime()) };
    Entry { kind, mode, owner: (metadata.uid(), metadata.gid()), time, content, first_link }
}
