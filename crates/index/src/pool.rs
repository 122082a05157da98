//! Values that many have in common, each kept once.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Every value that somebody has.
#[derive(Debug)]
pub(crate) struct Pool<T: ?Sized>(HashSet<Arc<T>>);

// === impl Pool ===

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(HashSet::default())
    }
}

impl<T: Eq + Hash + ?Sized> Pool<T> {
    /// The one that all have.
    pub(crate) fn share(&mut self, value: impl Borrow<T> + Into<Arc<T>>) -> Arc<T> {
        if let Some(shared) = self.0.get(value.borrow()) {
            return Arc::clone(shared);
        }
        let shared = value.into();
        self.0.insert(Arc::clone(&shared));
        shared
    }

    /// Takes one back, and forgets it if it was the last.
    pub(crate) fn release(&mut self, shared: Arc<T>) {
        // This one, and the pool's own.
        if Arc::strong_count(&shared) == 2 {
            self.0.remove(&shared);
        }
    }
}
