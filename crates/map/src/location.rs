//! Locations: where a volume lies by the policy's keys, and below it the directory that a mount shows.

use ordinance_contract::Key;
use ordinance_storage::path::segments;
use std::fmt;

/// A directory. Two locations overlap as keys do: by realm and whole segments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    realm: String,
    path: Vec<String>,
    /// How many of the segments are the volume's root.
    root: usize,
}

// === impl Location ===

impl Location {
    /// Returns the location of a volume by the key that the policy gives it.
    pub(crate) fn of_key(key: &Key) -> Self {
        Self { realm: key.realm.clone(), path: key.path.clone(), root: key.path.len() }
    }

    /// Returns the location of a claim whose volume is not known.
    pub(crate) fn of_claim(namespace: &str, name: &str) -> Self {
        Self::of(format!("claim/{namespace}"), name)
    }

    /// Returns the location of a volume that only its source names.
    pub(crate) fn of(realm: String, path: &str) -> Self {
        let path = segments(path);
        Self { realm, root: path.len(), path }
    }

    /// Returns a directory of the volume, from its root; `..` does not lead out of it.
    pub(crate) fn below(&self, sub_path: &str) -> Self {
        let path = self.root().iter().cloned().chain(segments(sub_path)).collect();
        Self { realm: self.realm.clone(), path, root: self.root }
    }

    /// The tree, e.g. `nfs://10.0.0.5` or `claim/default`.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The segments from the root of the tree.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// The segments of the volume's root.
    pub fn root(&self) -> &[String] {
        self.path.get(..self.root).unwrap_or_default()
    }

    /// The segments below the volume's root that a mount shows; empty for the root itself.
    pub fn sub_path(&self) -> &[String] {
        self.path.get(self.root..).unwrap_or_default()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.realm, self.path.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_path_is_below_the_volumes_root_and_never_above_it() {
        let root = Location::of("nfs://nas".to_owned(), "/srv");
        assert_eq!(root.below("a//./b/").to_string(), "nfs://nas/srv/a/b");
        assert_eq!(root.below("a/../../../b").to_string(), "nfs://nas/srv/b");
        assert_eq!(root.below("a").sub_path(), ["a"]);
        assert_eq!(root.below("a").root(), ["srv"]);
    }

    #[test]
    fn the_root_of_a_tree_has_a_slash() {
        assert_eq!(Location::of("nfs://nas".to_owned(), "/").to_string(), "nfs://nas/");
        assert_eq!(Location::of_claim("shop", "data").to_string(), "claim/shop/data");
    }
}
