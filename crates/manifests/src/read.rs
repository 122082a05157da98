//! Reads the objects of a text, as JSON if it is JSON, else as YAML.

use crate::excerpt::mark_quotable;
use crate::kind::DocumentPart;
use crate::manifest::{KindFilter, Manifest, ManifestError, ReadObjects};
use crate::{json, yaml};

/// Reads the objects of a text in their order. A document that cannot be read is an error in its place; the others are
/// read nevertheless.
///
/// An object of a namespaced kind that names no namespace is in `namespace`.
pub fn read(text: &str, namespace: &str) -> Vec<Result<Manifest, ManifestError>> {
    read_wanted(text, namespace, &|_, _| true).objects
}

/// Reads the objects of some kinds. The others are counted; only their end and their kind are read.
///
/// The chunks of a large YAML text are read in parallel.
pub fn read_wanted(text: &str, namespace: &str, wanted: KindFilter<'_>) -> ReadObjects {
    let mut found = match json::parts(text) {
        Some(parts) => objects_of(parts, namespace, wanted),
        None => yaml::read(text, namespace, wanted),
    };
    mark_quotable(text, wanted, &mut found);
    found
}

fn objects_of(parts: Vec<DocumentPart<'_>>, namespace: &str, wanted: KindFilter<'_>) -> ReadObjects {
    let mut found = ReadObjects::default();
    for part in parts {
        part.collect(namespace, wanted, &mut found);
    }
    found
}
