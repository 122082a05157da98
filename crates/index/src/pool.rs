//! Values that many objects share, each stored once.
//!
//! `string-interner` 0.20 and `lasso` 0.7 never free a string; the index outlives the namespaces and notes of a
//! cluster. `internment` 0.8 frees values, but its pools are global.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// The shared values.
#[derive(Debug)]
pub(crate) struct Pool<T: ?Sized>(HashSet<Arc<T>>);

// === impl Pool ===

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(HashSet::default())
    }
}

impl<T: Eq + Hash + ?Sized> Pool<T> {
    /// Returns the shared value that is equal to this one.
    pub(crate) fn share(&mut self, value: impl Borrow<T> + Into<Arc<T>>) -> Arc<T> {
        if let Some(shared) = self.0.get(value.borrow()) {
            return Arc::clone(shared);
        }
        let shared = value.into();
        self.0.insert(Arc::clone(&shared));
        shared
    }

    /// Gives a shared value back, and frees it with its last user.
    pub(crate) fn release(&mut self, shared: Arc<T>) {
        // `shared` and the pool's own reference.
        if Arc::strong_count(&shared) == 2 {
            self.0.remove(&shared);
        }
    }
}
