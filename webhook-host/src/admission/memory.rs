//! Who holds what, as far as it is known here: what exists, and what was admitted and may exist soon.
//!
//! In a cluster an admitted object is *pending* until a watch brings it: what is stored of it and what was admitted count
//! both, as nobody knows yet which of them will last. One that no watch brings is forgotten after its time.

use super::stored::Origin;
use ordinance_contract::{Key, Scope, Watch};
use ordinance_index::{Index, TooDeep};
use std::collections::HashMap;
use std::time::Instant;

/// Objects by their keys, and what is pending among them.
#[derive(Debug, Default)]
pub(super) struct Memory {
    index: Index,
    pending: HashMap<Scope<'static>, Pending>,
    /// Segments of all pending keys.
    segments: usize,
    /// When the first of the pending is to be forgotten, or somewhat before.
    due: Option<Instant>,
}

/// An object that was admitted, and that no watch has brought yet.
#[derive(Debug)]
struct Pending {
    origin: Origin,
    /// The keys that it was admitted with.
    keys: Vec<Key>,
    /// The keys of the object that is stored under its name.
    stored: Vec<Key>,
    until: Instant,
}

/// An object that was admitted.
pub(super) struct Admitted {
    pub(super) scope: Scope<'static>,
    pub(super) origin: Origin,
    pub(super) keys: Vec<Key>,
    /// When it is forgotten, unless it is seen before.
    pub(super) until: Instant,
}

// === impl Memory ===

impl Memory {
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    pub(super) fn index_mut(&mut self) -> &mut Index {
        &mut self.index
    }

    /// Objects that are pending.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn is_pending(&self, object: &Scope<'_>) -> bool {
        self.pending.contains_key(object)
    }

    /// Segments of all keys of those together.
    pub(super) fn pending_segments(&self) -> usize {
        self.segments
    }

    /// Counts an admitted object, beside what is stored under its name.
    pub(super) fn admit(&mut self, admitted: Admitted) -> Result<(), TooDeep> {
        let Admitted { scope, origin, keys, until } = admitted;
        let stored = self.settle(&scope).map_or_else(|| self.index.keys_of(&scope), |before| before.stored);
        self.index.insert(scope.clone(), both(&stored, &keys))?;
        self.segments += segments(&keys);
        self.due = Some(self.due.map_or(until, |due| due.min(until)));
        self.pending.insert(scope, Pending { origin, keys, stored, until });
        Ok(())
    }

    /// Takes note of an object that is stored.
    pub(super) fn see(
        &mut self,
        scope: &Scope<'_>,
        uid: &str,
        version: Option<u64>,
        keys: Vec<Key>,
        round: u32,
    ) -> Result<(), TooDeep> {
        let owned = scope.clone().into_owned();
        let count = match self.pending.get_mut(&owned) {
            Some(pending) if !pending.origin.is_settled_by(uid, version) => {
                let together = both(&keys, &pending.keys);
                pending.stored = keys;
                together
            }
            _ => {
                self.settle(&owned);
                keys
            }
        };
        self.index.insert_seen(owned, count, round)
    }

    /// Takes note of an object that is gone; a new one of its name may be pending.
    pub(super) fn lose(&mut self, scope: &Scope<'_>, uid: &str) {
        let owned = scope.clone().into_owned();
        if self.pending.get(&owned).is_some_and(|pending| pending.origin.is_of(uid)) {
            self.settle(&owned);
        }
        self.strip(&owned);
    }

    /// Takes note of a whole list: what was not seen in it is gone.
    pub(super) fn sweep(&mut self, watch: &Watch, round: u32) {
        for gone in self.index.sweep(&watch.group, &watch.resource, round) {
            self.strip(&gone);
        }
    }

    /// Whether something pending is to be forgotten.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Forgets what no watch has brought in its time, and says how many there were.
    pub(super) fn forget(&mut self, now: Instant) -> usize {
        let overdue = self.pending.iter().filter(|(_, pending)| pending.until <= now);
        let overdue: Vec<Scope<'static>> = overdue.map(|(scope, _)| scope.clone()).collect();
        for scope in &overdue {
            if let Some(Pending { stored, .. }) = self.settle(scope) {
                // They were there before: no key is too deep.
                let _ = self.index.insert(scope.clone(), stored);
            }
        }
        self.due = self.pending.values().map(|pending| pending.until).min();
        overdue.len()
    }

    /// Leaves of an object what is pending.
    fn strip(&mut self, scope: &Scope<'static>) {
        match self.pending.get_mut(scope) {
            Some(pending) => {
                pending.stored.clear();
                let keys = pending.keys.clone();
                self.index.remove(scope);
                // They were there before: no key is too deep.
                let _ = self.index.insert(scope.clone(), keys);
            }
            None => self.index.remove(scope),
        }
    }

    /// Ends the wait for an object; the index is left as it is.
    fn settle(&mut self, scope: &Scope<'static>) -> Option<Pending> {
        let pending = self.pending.remove(scope)?;
        self.segments -= segments(&pending.keys);
        Some(pending)
    }
}

fn both(stored: &[Key], admitted: &[Key]) -> Vec<Key> {
    stored.iter().chain(admitted).cloned().collect()
}

fn segments(keys: &[Key]) -> usize {
    keys.iter().map(|key| key.path.len()).sum()
}
