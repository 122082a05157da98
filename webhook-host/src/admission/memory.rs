//! The index of stored objects, and beside it the admitted objects that may be stored soon.
//!
//! In a cluster an admitted object is *pending* until a watch reports it. Meanwhile both its stored and its admitted state
//! count, because either may be the one that stays. A pending object that no watch reports expires. From then on admissions
//! of its name do not count, until a watch reports the object or no client has repeated the admission for as long. Otherwise
//! a client that can send reviews could hold a key forever.

use super::target::BaseState;
use ordinance_contract::{Holding, Key, Scope, Watch};
use ordinance_index::{Index, ObjectTooLarge, TooMany};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The memory of the keys of all pending objects.
const PENDING_BYTES: usize = 1024 * 1024;

/// The index of stored objects, and the pending objects.
#[derive(Debug, Default)]
pub(super) struct Memory {
    stored: Index,
    /// The admitted keys of the pending objects that the API server is known to store.
    confirmed: Index,
    /// The admitted keys of all other pending objects.
    unconfirmed: Index,
    pending: HashMap<Scope<'static>, PendingObject>,
    /// The names of pending objects that expired, and until when their admissions don't count.
    expired: HashMap<Scope<'static>, Instant>,
    /// A time at or before the first expiry of a pending object.
    next_expiry: Option<Instant>,
    /// How often the memory may have been changed.
    version: u64,
}

/// An admitted object that no watch has reported yet.
#[derive(Debug)]
struct PendingObject {
    base: BaseState,
    expires_at: Instant,
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

/// Which objects a look-up finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// All objects.
    All,
    /// All but the pending objects that the API server is not known to store.
    Known,
}

/// What happens if more holdings overlap than a review may receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// The review fails.
    Fails,
    /// Those of one place and note are passed as one, with their number.
    IsSummarized,
}

// === impl Memory ===

impl Memory {
    pub(super) fn index(&self) -> &Index {
        &self.stored
    }

    pub(super) fn index_mut(&mut self) -> &mut Index {
        &mut self.stored
    }

    /// Returns the version, which is another one after each possible change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Marks the memory as changed.
    pub(super) fn begin_change(&mut self) {
        self.version += 1;
    }

    /// Returns the number of pending objects.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Returns the holdings of other objects that overlap these keys.
    pub(super) fn overlaps(
        &self,
        view: View,
        keys: &[Key],
        except: &Scope<'_>,
        limit: usize,
        excess: Excess,
    ) -> Result<Vec<Holding>, TooMany> {
        let mut holdings = match excess {
            Excess::Fails => self.stored.overlaps(keys, except, limit)?,
            Excess::IsSummarized => self.stored.summarized_overlaps(keys, except, limit)?,
        };
        let unconfirmed = (view == View::All).then_some(&self.unconfirmed);
        for index in std::iter::once(&self.confirmed).chain(unconfirmed) {
            holdings = with_overlaps(holdings, index, keys, except, limit)?;
        }
        Ok(holdings)
    }

    /// Returns pending objects that overlap these keys and that the API server is not known to store: all of them, or one for
    /// each place and note.
    pub(super) fn unconfirmed(&self, keys: &[Key], except: &Scope<'_>) -> Vec<Scope<'static>> {
        if self.unconfirmed.is_empty() {
            return Vec::new();
        }
        let holdings = self.unconfirmed.overlaps(keys, except, usize::MAX).unwrap_or_default();
        let mut holders: Vec<_> = holdings.into_iter().map(|holding| holding.holder).collect();
        holders.sort();
        holders.dedup();
        holders
    }

    /// Adds an admitted object beside the stored object with the same name. Returns how many other pending objects it
    /// displaced. A name that is admitted again expires no later than before.
    pub(super) fn admit(
        &mut self,
        admitted: AdmittedObject,
        limits: PendingLimits,
    ) -> Result<usize, ObjectTooLarge> {
        let AdmittedObject { scope, base, keys } = admitted;
        let deadline = limits.now + limits.time;
        if let Some(until) = self.expired.get_mut(&scope).filter(|until| **until > limits.now) {
            *until = deadline;
            return Ok(0);
        }
        let growth = self.unconfirmed.growth(&scope, &keys)?;
        let before = self.take_pending(&scope);
        let expires_at = before.map_or(deadline, |before| before.expires_at);
        let displaced = self.make_room(growth, limits.objects);
        self.unconfirmed.insert(&scope, &keys)?;
        self.next_expiry = Some(self.next_expiry.map_or(expires_at, |next| next.min(expires_at)));
        self.pending.insert(scope, PendingObject { base, expires_at });
        Ok(displaced)
    }

    /// Removes the pending objects that expire first until there is room for another one of this size. Returns their number.
    fn make_room(&mut self, bytes: usize, objects: usize) -> usize {
        let mut displaced = 0;
        while self.pending.len() >= objects.max(1)
            || self.unconfirmed.bytes() + self.confirmed.bytes() + bytes > PENDING_BYTES
        {
            let first = self.pending.iter().min_by_key(|(_, pending)| pending.expires_at);
            let Some(first) = first.map(|(scope, _)| scope.clone()) else { break };
            self.take_pending(&first);
            displaced += 1;
        }
        displaced
    }

    /// Enters a stored object.
    pub(super) fn observe(
        &mut self,
        scope: &Scope<'static>,
        uid: &str,
        version: Option<u64>,
        keys: &[Key],
        round: u32,
    ) -> Result<(), ObjectTooLarge> {
        self.expired.remove(scope);
        let pending = self.pending.get(scope);
        if pending.is_some_and(|pending| pending.base.is_superseded_by(uid, version)) {
            self.take_pending(scope);
        }
        self.stored.insert_seen(scope, keys, round)
    }

    /// Removes a deleted object. A pending object with the same name and another uid stays.
    pub(super) fn remove(&mut self, scope: &Scope<'_>, uid: &str) {
        let owned = scope.clone().into_owned();
        if self.pending.get(&owned).is_some_and(|pending| pending.base.has_uid(uid)) {
            self.take_pending(&owned);
        }
        self.stored.remove(&owned);
    }

    /// Removes the stored objects of a resource that a complete list did not contain.
    pub(super) fn sweep(&mut self, watch: &Watch, round: u32) {
        self.stored.sweep(&watch.group, &watch.resource, round);
    }

    /// Compares a pending object with the keys that the API server stores for it now, and returns whether it stores all of
    /// them.
    pub(super) fn confirm(&mut self, scope: &Scope<'static>, keys: &[Key]) -> bool {
        // What the index keeps of both is compared, since it may cut paths.
        let mut stored = Index::default();
        if !self.unconfirmed.contains(scope) || stored.insert(scope, keys).is_err() {
            return false;
        }
        let (admitted, stored) = (self.unconfirmed.keys_of(scope), stored.keys_of(scope));
        let is_stored = admitted.iter().all(|key| stored.contains(key));
        if is_stored && self.confirmed.insert(scope, &admitted).is_ok() {
            self.unconfirmed.remove(scope);
        }
        is_stored
    }

    /// Adds an object that the API server is known to store, before a watch reports it.
    pub(super) fn enter_confirmed(&mut self, object: AdmittedObject, limits: PendingLimits) {
        let AdmittedObject { scope, base, keys } = object;
        if self.pending.contains_key(&scope) {
            return;
        }
        let growth = self.confirmed.growth(&scope, &keys).unwrap_or_default();
        self.make_room(growth, limits.objects);
        if self.confirmed.insert(&scope, &keys).is_ok() {
            let expires_at = limits.now + limits.time;
            self.next_expiry = Some(self.next_expiry.map_or(expires_at, |next| next.min(expires_at)));
            self.pending.insert(scope, PendingObject { base, expires_at });
        }
    }

    /// Returns whether a pending object may have expired.
    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.next_expiry.is_some_and(|next| next <= now)
    }

    /// Removes expired pending objects, and returns their number. Their names don't count for as long as they did.
    pub(super) fn expire(&mut self, limits: PendingLimits) -> usize {
        let PendingLimits { now, time, objects } = limits;
        let expired = self.pending.iter().filter(|(_, pending)| pending.expires_at <= now);
        let expired: Vec<Scope<'static>> = expired.map(|(scope, _)| scope.clone()).collect();
        self.expired.retain(|_, until| *until > now);
        for scope in &expired {
            let is_stored = self.confirmed.contains(scope);
            self.take_pending(scope);
            if !is_stored && self.expired.len() < objects {
                self.expired.insert(scope.clone(), now + time);
            }
        }
        self.next_expiry = self.pending.values().map(|pending| pending.expires_at).min();
        expired.len()
    }

    /// Removes a pending object, and keeps its stored state.
    fn take_pending(&mut self, scope: &Scope<'static>) -> Option<PendingObject> {
        let pending = self.pending.remove(scope)?;
        self.unconfirmed.remove(scope);
        self.confirmed.remove(scope);
        Some(pending)
    }
}

/// Adds the holdings of another index that overlap these keys.
pub(super) fn with_overlaps(
    mut holdings: Vec<Holding>,
    index: &Index,
    keys: &[Key],
    except: &Scope<'_>,
    limit: usize,
) -> Result<Vec<Holding>, TooMany> {
    if index.is_empty() {
        return Ok(holdings);
    }
    for holding in index.overlaps(keys, except, limit)? {
        if !holdings.contains(&holding) {
            holdings.push(holding);
        }
    }
    Ok(holdings)
}
