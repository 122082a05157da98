//! The index of stored objects, and the admitted objects that may be stored soon.
//!
//! In a cluster an admitted object is *pending* until a watch reports it. Meanwhile both its stored and its admitted state
//! count, because either may be the one that stays. A pending object that no watch reports expires, and from then on the
//! name counts no more until a watch reports it or nobody repeats the admission: else whoever can send reviews could hold
//! a key forever.

use super::target::BaseState;
use ordinance_contract::{Key, Scope, Watch};
use ordinance_index::{Index, OBJECT_BYTES, ObjectTooLarge, PATH_BYTES, PATH_SEGMENTS, REALM_BYTES};
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// The size of the keys of all pending objects, as [`size`] counts it.
const PENDING_BYTES: usize = 1024 * 1024;
/// What a key and a segment take beside their text, in bytes.
const KEY_OVERHEAD: usize = 96;

/// An index with its pending objects.
#[derive(Debug, Default)]
pub(super) struct Memory {
    index: Index,
    pending: HashMap<Scope<'static>, PendingObject>,
    /// The size of all pending keys.
    bytes: usize,
    /// The names of pending objects that expired, and until when their admissions don't count.
    expired: HashMap<Scope<'static>, Instant>,
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
    /// Whether the API server has told that it stores these keys.
    is_confirmed: bool,
}

/// An object that is admitted now.
pub(super) struct AdmittedObject {
    pub(super) scope: Scope<'static>,
    pub(super) base: BaseState,
    pub(super) keys: Vec<Key>,
}

/// How long admitted objects count, and how many of them.
#[derive(Clone, Copy)]
pub(super) struct PendingLimits {
    pub(super) now: Instant,
    /// How long an admitted object counts if no watch reports it.
    pub(super) time: Duration,
    pub(super) objects: usize,
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

    /// Adds an admitted object to the stored object with the same name. Returns how many other pending objects it displaced.
    ///
    /// A name that is admitted again expires no later than before. Keys of which the index would keep only a part are left out:
    /// a watch reports the object.
    pub(super) fn admit(
        &mut self,
        admitted: AdmittedObject,
        limits: PendingLimits,
    ) -> Result<usize, ObjectTooLarge> {
        let AdmittedObject { scope, base, keys } = admitted;
        if !fits(&keys) {
            return Ok(0);
        }
        let deadline = limits.now + limits.time;
        if let Some(until) = self.expired.get_mut(&scope).filter(|until| **until > limits.now) {
            *until = deadline;
            return Ok(0);
        }
        let before = self.take_pending(&scope);
        let expires_at = before.as_ref().map_or(deadline, |before| before.expires_at);
        let stored = before.map_or_else(|| self.index.keys_of(&scope), |before| before.stored);
        let displaced = self.make_room(size(&keys), limits.objects);
        self.index.insert(scope.clone(), concat(&stored, &keys))?;
        self.bytes += size(&keys);
        self.next_expiry = Some(self.next_expiry.map_or(expires_at, |next| next.min(expires_at)));
        let pending = PendingObject { base, keys, stored, expires_at, is_confirmed: false };
        self.pending.insert(scope, pending);
        Ok(displaced)
    }

    /// Removes the pending objects that expire first until there is room for keys of this size. Returns their number.
    fn make_room(&mut self, bytes: usize, objects: usize) -> usize {
        let mut displaced = 0;
        while self.pending.len() >= objects.max(1) || self.bytes + bytes > PENDING_BYTES {
            let first = self.pending.iter().min_by_key(|(_, pending)| pending.expires_at);
            let Some(first) = first.map(|(scope, _)| scope.clone()) else { break };
            self.forget(&first);
            displaced += 1;
        }
        displaced
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
        self.expired.remove(&owned);
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

    /// Returns the other pending objects whose admitted keys overlap these keys, and of which nobody knows whether the API
    /// server stores them.
    pub(super) fn unconfirmed(&self, keys: &[Key], except: &Scope<'_>) -> Vec<Scope<'static>> {
        let realms: BTreeSet<&str> = keys.iter().map(|key| key.realm.as_str()).collect();
        let overlaps = |admitted: &Key| {
            realms.contains(admitted.realm.as_str()) && keys.iter().any(|key| is_overlap(key, admitted))
        };
        let is_unconfirmed = |(scope, pending): &(&Scope<'static>, &PendingObject)| {
            !pending.is_confirmed && *scope != except && pending.keys.iter().any(overlaps)
        };
        self.pending.iter().filter(is_unconfirmed).map(|(scope, _)| scope.clone()).collect()
    }

    /// Calls a function with the index as it would be without the admitted states of these objects.
    pub(super) fn without<T>(&mut self, pending: &[Scope<'static>], look_up: impl FnOnce(&Index) -> T) -> T {
        // All these keys were in the index before, so they fit the budget of an object.
        let states = pending.iter().filter_map(|scope| Some((scope, self.pending.get(scope)?)));
        for (scope, pending) in states.clone() {
            let _ = self.index.insert(scope.clone(), pending.stored.clone());
        }
        let found = look_up(&self.index);
        for (scope, pending) in states {
            let _ = self.index.insert(scope.clone(), concat(&pending.stored, &pending.keys));
        }
        found
    }

    /// Compares a pending object with the keys that the API server stores for it now, and returns whether it stores all of
    /// them.
    pub(super) fn confirm(&mut self, scope: &Scope<'static>, keys: &[Key]) -> bool {
        let Some(pending) = self.pending.get_mut(scope) else { return false };
        pending.is_confirmed |= pending.keys.iter().all(|admitted| keys.contains(admitted));
        pending.is_confirmed
    }

    /// Returns whether a pending object may have expired.
    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.next_expiry.is_some_and(|next| next <= now)
    }

    /// Removes expired pending objects, and returns their number. Their names don't count for as long as they did.
    pub(super) fn expire(&mut self, limits: PendingLimits) -> usize {
        let PendingLimits { now, time, objects } = limits;
        let expired = self.pending.iter().filter(|(_, pending)| pending.expires_at <= now);
        let expired: Vec<_> = expired.map(|(scope, pending)| (scope.clone(), pending.is_confirmed)).collect();
        self.expired.retain(|_, until| *until > now);
        for (scope, is_confirmed) in &expired {
            self.forget(scope);
            if !is_confirmed && self.expired.len() < objects {
                self.expired.insert(scope.clone(), now + time);
            }
        }
        self.next_expiry = self.pending.values().map(|pending| pending.expires_at).min();
        expired.len()
    }

    /// Removes a pending object, and keeps its stored state.
    fn forget(&mut self, scope: &Scope<'static>) {
        if let Some(PendingObject { stored, .. }) = self.take_pending(scope) {
            // These keys were in the index before, so they fit the budget of an object.
            let _ = self.index.insert(scope.clone(), stored);
        }
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
        self.bytes -= size(&pending.keys);
        Some(pending)
    }
}

fn concat(stored: &[Key], admitted: &[Key]) -> Vec<Key> {
    stored.iter().chain(admitted).cloned().collect()
}

/// Returns whether one of two keys is equal to the other or a prefix of it.
fn is_overlap(one: &Key, other: &Key) -> bool {
    one.realm == other.realm && one.path.iter().zip(&other.path).all(|(one, other)| one == other)
}

/// Returns whether the index keeps the keys of an object as they are.
fn fits(keys: &[Key]) -> bool {
    let is_whole = |key: &Key| {
        let bytes: usize = key.path.iter().map(|segment| segment.len() + 1).sum();
        key.realm.len() <= REALM_BYTES && key.path.len() <= PATH_SEGMENTS && bytes <= PATH_BYTES
    };
    size(keys) <= OBJECT_BYTES && keys.iter().all(is_whole)
}

/// Returns roughly how many bytes keys take.
fn size(keys: &[Key]) -> usize {
    let of_key = |key: &Key| {
        let path: usize = key.path.iter().map(|segment| segment.len() + KEY_OVERHEAD).sum();
        key.realm.len() + key.note.len() + path + KEY_OVERHEAD
    };
    keys.iter().map(of_key).sum()
}
