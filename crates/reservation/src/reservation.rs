//! What one entry of the log says: which keys an object is about to hold.

/// A place in a named tree that an object holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeldKey {
    /// The tree.
    pub realm: String,
    /// The segments from the root.
    pub path: Vec<String>,
    /// Everything about the object that can change the verdict on an overlapping object.
    pub note: String,
}

/// The object that holds the keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// The API group; empty for the core group.
    pub group: String,
    /// e.g. `v1`.
    pub version: String,
    /// The plural, lower case.
    pub resource: String,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    /// The final name.
    pub name: String,
    /// The uid that the API server has given the object.
    pub uid: String,
}

/// A reservation that is not written yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Draft {
    /// The name of this attempt, which no other attempt has.
    pub name: String,
    /// The object to admit.
    pub holder: Holder,
    /// The keys that it holds.
    pub keys: Vec<HeldKey>,
}

/// A written reservation. Ordinance never updates it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reservation {
    /// Its place in the order of the log: the resource version of its creation. `None` if the API server does not tell it any
    /// more, because another client has edited the reservation since, or if it is no number.
    pub revision: Option<u64>,
    /// What it says.
    pub draft: Draft,
}

// === impl HeldKey ===

impl HeldKey {
    /// Returns whether the paths are equal or one is a prefix of the other, by whole segments, in one realm.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.realm == other.realm
            && (self.path.starts_with(&other.path) || other.path.starts_with(&self.path))
    }
}

// === impl Holder ===

impl Holder {
    /// Returns whether both are one object: two with one name can't both be stored, so a client that tries again does not
    /// exclude itself. Versions are views of one object.
    pub fn is_named_like(&self, other: &Self) -> bool {
        (&self.group, &self.resource, &self.namespace, &self.name)
            == (&other.group, &other.resource, &other.namespace, &other.name)
    }
}

// === impl Draft ===

impl Draft {
    /// Returns whether another object reserves an overlapping key. The API server may try one object with several generated
    /// names, which then has one uid.
    pub fn conflicts_with(&self, other: &Self) -> bool {
        !self.holder.is_named_like(&other.holder)
            && (self.holder.uid.is_empty() || self.holder.uid != other.holder.uid)
            && self.keys.iter().any(|key| other.keys.iter().any(|held| key.overlaps(held)))
    }
}

// === impl Reservation ===

impl Reservation {
    /// Returns whether this reservation counts for a decision on another one. It does if the order of the two is unknown.
    pub fn precedes(&self, own: &Self) -> bool {
        match (self.revision, own.revision) {
            (Some(other), Some(own)) => other < own,
            _ => true,
        }
    }
}
