//! The realm of a key.

use std::borrow::Borrow;
use std::sync::Arc;

/// A realm that the keys in it share. It is a thin pointer, since every key has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Realm(Arc<Box<str>>);

// === impl Realm ===

impl Realm {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Realm {
    fn from(realm: &str) -> Self {
        Self(Arc::new(realm.into()))
    }
}

impl Borrow<str> for Realm {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}
