//! The existing objects of a server without a cluster, read from files and directories.

use super::input_error::InputError;
use ordinance_manifests::{Manifest, SourceError, TextContent, read_wanted, sources};
use std::path::PathBuf;

/// The default namespace of objects that name none.
pub const NAMESPACE: &str = "default";

/// Reads all objects of these files, and of the files in these directories in the order of their names. Files in a
/// directory that are no objects are passed over.
///
/// # Errors
///
/// The place of the first object that can't be read.
pub fn existing(paths: &[PathBuf], namespace: &str) -> Result<Vec<Manifest>, InputError> {
    let mut objects = Vec::new();
    for source in sources(paths) {
        let found = source?;
        let Some(text) = found.read()? else { continue };
        let read = read_wanted(&text, namespace, &|_, _| true);
        if found.content(&text, &read) == TextContent::Other {
            continue;
        }
        for object in read.objects {
            objects.push(object.map_err(|error| InputError::new(found.source.name(), error))?.stored());
        }
    }
    Ok(objects)
}

impl From<SourceError> for InputError {
    fn from(error: SourceError) -> Self {
        Self::new(&error.source_name, &error)
    }
}
