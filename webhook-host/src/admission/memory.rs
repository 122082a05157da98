//! The index of stored objects, and the admitted objects that may be stored soon.
//!
//! In a cluster an admitted object is *pending* until a watch reports it. Meanwhile both its stored and its admitted state
//! count, because either may be the one that stays. A pending object that no watch reports expires.

use super::target::BaseState;
use ordinance_contract::{Key, Scope, Watch};
use ordinance_index::{Index, ObjectTooLarge};
use std::collections::HashMap;
use std::time::Instant;

/// An index with its pending objects.
#[derive(Debug, Default)]
pub(super) struct Memory {
    index: Index,
    pending: HashMap<Scope<'static>, PendingObject>,
    /// Segments of all pending keys.
    segments: usize,
    /// A time at or before the first expiry of a pending object.
    next_expiry: Option<Instant>,
}

/// An admitted object that no watch has reported yet.
#[derive(Debug)]
struct PendingObject {
    base: BaseState,
    /// The keys of the admitted state.
    keys: Vec<Key>,
    /// The keys of the stored object with the same name.
    stored: Vec<Key>,
    expires_at: Instant,
}

/// An object that is admitted now.
pub(super) struct AdmittedObject {
    pub(super) scope: Scope<'static>,
    pub(super) base: BaseState,
    pub(super) keys: Vec<Key>,
    /// When the object stops counting, unless a watch reports it before.
    pub(super) expires_at: Instant,
}

// === impl Memory ===

impl Memory {
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    pub(super) fn index_mut(&mut self) -> &mut Index {
        &mut self.index
    }

    /// Returns the number of pending objects.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn is_pending(&self, object: &Scope<'_>) -> bool {
        self.pending.contains_key(object)
    }

    /// Returns the number of segments of all pending keys.
    pub(super) fn pending_segments(&self) -> usize {
        self.segments
    }

    /// Adds an admitted object to the stored object with the same name.
    pub(super) fn admit(&mut self, admitted: AdmittedObject) -> Result<(), ObjectTooLarge> {
        let AdmittedObject { scope, base, keys, expires_at } = admitted;
        let stored =
            self.take_pending(&scope).map_or_else(|| self.index.keys_of(&scope), |before| before.stored);
        self.index.insert(scope.clone(), concat(&stored, &keys))?;
        self.segments += segments(&keys);
        self.next_expiry = Some(self.next_expiry.map_or(expires_at, |next| next.min(expires_at)));
        self.pending.insert(scope, PendingObject { base, keys, stored, expires_at });
        Ok(())
    }

    /// Enters a stored object.
    pub(super) fn observe(
        &mut self,
        scope: &Scope<'_>,
        uid: &str,
        version: Option<u64>,
        keys: Vec<Key>,
        round: u32,
    ) -> Result<(), ObjectTooLarge> {
        let owned = scope.clone().into_owned();
        let counted = match self.pending.get_mut(&owned) {
            Some(pending) if !pending.base.is_superseded_by(uid, version) => {
                let both = concat(&keys, &pending.keys);
                pending.stored = keys;
                both
            }
            _ => {
                self.take_pending(&owned);
                keys
            }
        };
        self.index.insert_seen(owned, counted, round)
    }

    /// Removes a deleted object. A pending object with the same name and another uid stays.
    pub(super) fn remove(&mut self, scope: &Scope<'_>, uid: &str) {
        let owned = scope.clone().into_owned();
        if self.pending.get(&owned).is_some_and(|pending| pending.base.has_uid(uid)) {
            self.take_pending(&owned);
        }
        self.remove_stored(&owned);
    }

    /// Removes the stored objects of a resource that a complete list did not contain.
    pub(super) fn sweep(&mut self, watch: &Watch, round: u32) {
        for removed in self.index.sweep(&watch.group, &watch.resource, round) {
            self.remove_stored(&removed);
        }
    }

    /// Returns whether a pending object may have expired.
    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.next_expiry.is_some_and(|next| next <= now)
    }

    /// Removes expired pending objects, and returns their number.
    pub(super) fn expire(&mut self, now: Instant) -> usize {
        let expired = self.pending.iter().filter(|(_, pending)| pending.expires_at <= now);
        let expired: Vec<Scope<'static>> = expired.map(|(scope, _)| scope.clone()).collect();
        for scope in &expired {
            if let Some(PendingObject { stored, .. }) = self.take_pending(scope) {
                // These keys were in the index before, so they fit the budget of an object.
                let _ = self.index.insert(scope.clone(), stored);
            }
        }
        self.next_expiry = self.pending.values().map(|pending| pending.expires_at).min();
        expired.len()
    }

    /// Removes the stored state of an object and keeps its pending state.
    fn remove_stored(&mut self, scope: &Scope<'static>) {
        match self.pending.get_mut(scope) {
            Some(pending) => {
                pending.stored.clear();
                let keys = pending.keys.clone();
                self.index.remove(scope);
                // These keys were in the index before, so they fit the budget of an object.
                let _ = self.index.insert(scope.clone(), keys);
            }
            None => self.index.remove(scope),
        }
    }

    /// Ends the wait for an object. Leaves the index unchanged.
    fn take_pending(&mut self, scope: &Scope<'static>) -> Option<PendingObject> {
        let pending = self.pending.remove(scope)?;
        self.segments -= segments(&pending.keys);
        Some(pending)
    }
}

fn concat(stored: &[Key], admitted: &[Key]) -> Vec<Key> {
    stored.iter().chain(admitted).cloned().collect()
}

fn segments(keys: &[Key]) -> usize {
    keys.iter().map(|key| key.path.len()).sum()
}
