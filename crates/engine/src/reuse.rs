//! Instances of the built-in policy that serve one small review after another.
//!
//! Making an instance and resetting its memory executes a seventh of the instructions of a review of 6 KiB, and half of those of a
//! small one. Between two reviews, the policy sets its memory to zero (`policy/component/src/reused.rs`), and it has no globals. Each
//! review of another policy gets a fresh instance.

#[cfg(test)]
mod tests;

use super::budget::RemainingBudget;
use super::guest::{Guest, GuestInstance};
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use wasmtime::Result;

/// The reviews that an instance serves, and the questions for keys. This bounds how long a damaged instance could do harm.
pub const REVIEWS_OF_AN_INSTANCE: u32 = 1000;

/// The largest memory of an instance that is used again, in bytes: it keeps all of it.
pub const REUSED_MEMORY: usize = 4 * 1024 * 1024;

/// A guest whose instances are used again.
#[derive(Clone)]
pub(super) struct ReusedGuest {
    guest: Guest,
    idle: Arc<IdleInstances>,
}

/// Instances that wait for a review. The last one used is the next one, since its memory is in the caches.
pub(super) struct IdleInstances {
    /// One for each processor at most.
    most: usize,
    instances: Mutex<Vec<GuestInstance>>,
}

// === impl ReusedGuest ===

impl ReusedGuest {
    pub(super) const fn new(guest: Guest, idle: Arc<IdleInstances>) -> Self {
        Self { guest, idle }
    }

    /// Returns the guest, for fresh instances.
    pub(super) const fn guest(&self) -> &Guest {
        &self.guest
    }

    /// Returns an instance for a review, whose time begins now.
    pub(super) fn instance(&self, remaining: RemainingBudget) -> Result<GuestInstance> {
        let Some(mut instance) = self.idle.take() else { return self.guest.instantiate(remaining) };
        instance.restart(remaining);
        Ok(instance)
    }

    /// Keeps an instance whose review came to its end, if it may serve another one.
    pub(super) fn give_back(&self, instance: GuestInstance) {
        if instance.reviews() < REVIEWS_OF_AN_INSTANCE && instance.usage().memory <= REUSED_MEMORY {
            self.idle.put(instance);
        }
    }
}

// === impl IdleInstances ===

impl IdleInstances {
    /// Returns how many there are at most.
    pub(super) fn most(&self) -> u32 {
        self.most.try_into().unwrap_or(u32::MAX)
    }

    fn take(&self) -> Option<GuestInstance> {
        self.lock().pop()
    }

    fn put(&self, instance: GuestInstance) {
        let mut instances = self.lock();
        if instances.len() < self.most {
            instances.push(instance);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<GuestInstance>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for IdleInstances {
    fn default() -> Self {
        let most = thread::available_parallelism().map_or(1, NonZero::get);
        Self { most, instances: Mutex::default() }
    }
}
