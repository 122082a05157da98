//! The keys of an object, in texts that the tree and other objects share.

use crate::budget::CutKey;
use crate::node::Group;
use crate::path;
use crate::realm::Realm;
use ordinance_contract::Key;
use std::sync::Arc;

/// A key in shared texts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StoredKey {
    pub(crate) realm: Realm,
    pub(crate) path: Arc<str>,
    pub(crate) group: Arc<Group>,
}

/// The keys of an object. Most objects have one, which needs no allocation of its own.
#[derive(Debug)]
pub(crate) enum StoredKeys {
    One(StoredKey),
    /// Sorted.
    Many(Box<[StoredKey]>),
}

// === impl StoredKey ===

impl StoredKey {
    pub(crate) fn is_below(&self, key: &CutKey<'_>) -> bool {
        self.path.len() > key.path.len()
            && self.path.starts_with(&key.path)
            && self.realm.as_str() == key.realm
    }
}

impl From<&StoredKey> for Key {
    fn from(held: &StoredKey) -> Self {
        Self {
            realm: held.realm.as_str().to_owned(),
            path: path::segments(&held.path),
            stance: held.group.stance,
            note: held.group.note.to_string(),
        }
    }
}

// === impl StoredKeys ===

impl StoredKeys {
    pub(crate) fn as_slice(&self) -> &[StoredKey] {
        match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::Many(keys) => keys,
        }
    }

    pub(crate) fn into_vec(self) -> Vec<StoredKey> {
        match self {
            Self::One(key) => vec![key],
            Self::Many(keys) => keys.into_vec(),
        }
    }
}

impl FromIterator<StoredKey> for StoredKeys {
    fn from_iter<I: IntoIterator<Item = StoredKey>>(keys: I) -> Self {
        let mut keys: Vec<StoredKey> = keys.into_iter().collect();
        match keys.pop() {
            Some(only) if keys.is_empty() => Self::One(only),
            last => {
                keys.extend(last);
                Self::Many(keys.into())
            }
        }
    }
}
