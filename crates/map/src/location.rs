//! Where something is written: a place in a tree of the policy's, and below it the part that a mount shows.

use ordinance_contract::Key;
use std::fmt;

/// A directory. Two locations overlap as keys do: by realm and whole segments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    realm: String,
    path: Vec<String>,
    /// How many of the segments are the volume's own root.
    root: usize,
}

// === impl Location ===

impl Location {
    /// Where the policy says that a volume lies.
    pub(crate) fn of_key(key: &Key) -> Self {
        Self { realm: key.realm.clone(), path: key.path.clone(), root: key.path.len() }
    }

    /// A claim of which no more is known.
    pub(crate) fn of_claim(namespace: &str, name: &str) -> Self {
        Self::of(format!("claim/{namespace}"), name)
    }

    /// A volume that is known by the names in its source alone.
    pub(crate) fn of(realm: String, path: &str) -> Self {
        let path: Vec<String> = segments(path).map(str::to_owned).collect();
        Self { realm, root: path.len(), path }
    }

    /// A directory of the volume; `..` does not lead out of it.
    pub(crate) fn below(&self, sub_path: &str) -> Self {
        let mut below = self.clone();
        for segment in segments(sub_path) {
            if segment != ".." {
                below.path.push(segment.to_owned());
            } else if below.path.len() > below.root {
                below.path.pop();
            }
        }
        below
    }

    /// The tree, e.g. `nfs://10.0.0.5` or `claim/default`.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The way from the root of the tree.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// The volume's own root.
    pub fn root(&self) -> &[String] {
        self.path.get(..self.root).unwrap_or_default()
    }

    /// The directory below the volume's root that a mount shows; empty for the root itself.
    pub fn sub_path(&self) -> &[String] {
        self.path.get(self.root..).unwrap_or_default()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.realm, self.path.join("/"))
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !matches!(*segment, "" | "."))
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
