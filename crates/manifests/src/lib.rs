//! Manifests: the objects in YAML or JSON text as kubectl would read them, each with its place in the text.
//!
//! Several documents, `List`s (also nested), a byte order mark and Windows line ends are understood; the booleans and
//! octal numbers of YAML 1.1 mean what they mean to kubectl. An object is JSON text with its keys in their order: text
//! that is JSON already is passed on byte for byte. [`sources()`] finds the files, [`region()`] a field in a text.

mod json;
mod kind;
mod region;
mod sources;
mod yaml;

pub use kind::{cluster_scoped, parse, plural};
pub use region::{Region, region};
pub use sources::{FILE_BYTES, Source, Unopened, sources};
pub use yaml::{Piece, documents};

use ordinance_contract::Scope;
use std::ops::Range;

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which object it is: the resource is guessed from the kind, as kubectl does without a cluster.
    pub scope: Scope<'static>,
    /// e.g. `StatefulSet`.
    pub kind: String,
    /// The object as JSON.
    pub json: String,
    /// The line in which it begins, from 1.
    pub line: u64,
    /// Where it begins in that, from 1, in characters.
    pub column: u64,
    /// Where it is in the text: from its first key to the end of its last value. Empty if it stands in none.
    pub bytes: Range<usize>,
}

/// Text that is no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Unreadable {
    /// From 1.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
    /// One line.
    pub message: String,
}

/// What stands in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The objects in their order; what can't be read is an error in its place.
    pub objects: Vec<Result<Manifest, Unreadable>>,
    /// Objects of kinds that are not wanted.
    pub passed: u64,
}

/// Which kinds are wanted, by `apiVersion` and `kind`.
pub type Wanted<'a> = &'a (dyn Fn(&str, &str) -> bool + Sync);

/// How deep an object may nest; as deep as the server lets an admission review.
pub const DEPTH: usize = 128;

/// The objects of a text in their order; what can't be read is an error in its place, and costs no other document.
///
/// An object of a namespaced kind that names no namespace is in `namespace`.
pub fn read(text: &str, namespace: &str) -> Vec<Result<Manifest, Unreadable>> {
    read_wanted(text, namespace, &|_, _| true).objects
}

/// The objects of some kinds; the others are counted, and looked at no more than to see where they end.
///
/// The parts of a large text are read side by side.
pub fn read_wanted(text: &str, namespace: &str, wanted: Wanted<'_>) -> Found {
    let Some(parts) = json::parts(text) else { return yaml::read(text, namespace, wanted) };
    let mut found = Found::default();
    for part in parts {
        part.sort(namespace, wanted, &mut found);
    }
    found
}

// === impl Found ===

impl Found {
    /// Adds what stands after it.
    fn append(&mut self, after: Self) {
        self.objects.extend(after.objects);
        self.passed += after.passed;
    }
}

#[cfg(test)]
mod tests;
