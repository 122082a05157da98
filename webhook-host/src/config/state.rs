//! What exists already, where there is no cluster to ask: manifests from files and directories.

use super::{Fault, read};
use ordinance_case::manifest::{self, Manifest};
use std::path::{Path, PathBuf};

/// The namespace of an object that names none.
const NAMESPACE: &str = "default";

/// A file's size; a cluster's volumes and sets fit many times over.
const FILE_BYTES: usize = 256 * 1024 * 1024;

/// Endings of the files of a directory that are read, as kubectl does.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// All objects of these files and of the files right in these directories, in the order of their names.
///
/// # Errors
///
/// Where the first object is that can't be read.
pub fn existing(paths: &[PathBuf]) -> Result<Vec<Manifest>, Fault> {
    let mut objects = Vec::new();
    for path in paths {
        for file in files(path)? {
            let text = read::text(&file, FILE_BYTES)?;
            for object in manifest::read(&text, NAMESPACE) {
                objects.push(object.map_err(|error| Fault::of_file(&file, error))?);
            }
        }
    }
    Ok(objects)
}

/// A file is itself; a directory is its manifests, without those that are hidden.
fn files(path: &Path) -> Result<Vec<PathBuf>, Fault> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable =
        |error: std::io::Error| Fault::of_file(path, format_args!("{error}; let this process read it"));
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if is_manifest(&file) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn is_manifest(file: &Path) -> bool {
    let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let ending = file.extension().and_then(|ending| ending.to_str());
    !hidden && ending.is_some_and(|ending| ENDINGS.contains(&ending)) && file.is_file()
}
