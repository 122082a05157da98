//! The existing objects of a server without a cluster, read from files and directories.

use super::input_error::InputError;
use ordinance_manifests::{Manifest, SourceError, read, sources};
use std::path::PathBuf;

/// The default namespace of objects that name none.
pub const NAMESPACE: &str = "default";

/// Reads all objects of these files, and of the files in these directories in the order of their names.
///
/// # Errors
///
/// The place of the first object that can't be read.
pub fn existing(paths: &[PathBuf], namespace: &str) -> Result<Vec<Manifest>, InputError> {
    let mut objects = Vec::new();
    for source in sources(paths) {
        let source = source?;
        for object in read(&source.read()?, namespace) {
            objects.push(object.map_err(|error| InputError::new(source.name(), error))?.stored());
        }
    }
    Ok(objects)
}

impl From<SourceError> for InputError {
    fn from(error: SourceError) -> Self {
        Self::new(&error.source_name, &error)
    }
}
