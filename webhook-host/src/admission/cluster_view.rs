//! A memory that follows a cluster: what is stored there, as its watches bring it.

use super::memory::Memory;
use super::{Admission, LeftOut};
use crate::clock::Clock;
use ordinance_contract::{Key, Scope, Watch};
use ordinance_engine::Failure;
use std::fmt;
use std::sync::{Arc, RwLockReadGuard};
use std::time::{Duration, Instant};

/// Objects that enter the memory under one lock: requests wait for it.
const AT_ONCE: usize = 50;

/// How often, and after which pause, an instance is asked for.
const PATIENCE: u32 = 1_000;
const PAUSE: Duration = Duration::from_millis(10);

/// What admission needs to know of the watches that fill its memory.
pub trait Freshness: fmt::Debug + Send + Sync {
    /// Returns whether the memory holds what the API server has stored, apart from the delay of a watch.
    fn is_current(&self) -> bool;
}

/// How a memory follows.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) freshness: Arc<dyn Freshness>,
    pub(super) clock: Clock,
    /// How long an admitted object counts that no watch brings.
    pub(super) pending_time: Duration,
}

/// A stored object, as a watch brought it.
#[derive(Clone, Debug)]
pub struct Sighting<'a> {
    /// The object; without a name if it could not be read at all.
    pub scope: Scope<'static>,
    /// Its uid.
    pub uid: &'a str,
    /// Its version, if it is a number.
    pub version: Option<u64>,
    /// Its JSON.
    pub json: &'a str,
}

// === impl Following ===

impl Following {
    /// When an object that is admitted now is forgotten.
    pub(super) fn until(&self) -> Instant {
        self.clock.now() + self.pending_time
    }
}

// === impl Admission ===

impl Admission {
    /// Remembers what a cluster has stored, instead of what it admitted itself: judges only while that is current, and
    /// keeps what it admits until a watch brings it, by this clock.
    #[must_use]
    pub fn following(mut self, freshness: Arc<dyn Freshness>, clock: Clock, pending_time: Duration) -> Self {
        self.following = Some(Following { freshness, clock, pending_time });
        self
    }

    /// Takes note of objects that are stored, in a list of this round or since. Runs the policy for each of them. What it
    /// can't read is left out, counted and logged.
    ///
    /// # Errors
    ///
    /// The memory can't be written any more: it can't be read either, so nobody is admitted.
    pub fn see<'a>(
        &self,
        sightings: impl IntoIterator<Item = Sighting<'a>>,
        round: u32,
    ) -> Result<(), Failure> {
        let mut left_out = Vec::new();
        let mut sightings = sightings.into_iter().peekable();
        while sightings.peek().is_some() {
            let some: Vec<_> =
                sightings.by_ref().take(AT_ONCE).map(|sighting| self.read_keys(sighting)).collect();
            let mut memory = self.write()?;
            for (sighting, keys) in some {
                left_out.extend(enter(&mut memory, &sighting, keys, round));
            }
            self.metrics.show(memory.index(), memory.pending());
        }
        self.tell_left_out(&left_out);
        Ok(())
    }

    /// Takes note of an object that is gone.
    ///
    /// # Errors
    ///
    /// As [`Admission::see`].
    pub fn lose(&self, object: &Scope<'_>, uid: &str) -> Result<(), Failure> {
        let mut memory = self.write()?;
        memory.lose(object, uid);
        self.metrics.show(memory.index(), memory.pending());
        Ok(())
    }

    /// Takes note of the end of a list: objects of this resource that were not seen in this round are gone.
    ///
    /// # Errors
    ///
    /// As [`Admission::see`].
    pub fn sweep(&self, watch: &Watch, round: u32) -> Result<(), Failure> {
        let mut memory = self.write()?;
        memory.sweep(watch, round);
        self.metrics.show(memory.index(), memory.pending());
        Ok(())
    }

    /// The memory, if it is current; without a cluster it always is.
    pub(super) fn current(&self) -> Result<RwLockReadGuard<'_, Memory>, Failure> {
        let Some(following) = &self.following else { return self.read() };
        if !following.freshness.is_current() {
            return Err(Failure::NotReady);
        }
        let now = following.clock.now();
        let memory = self.read()?;
        if !memory.is_due(now) {
            return Ok(memory);
        }
        drop(memory);
        self.forget(now)?;
        self.read()
    }

    fn forget(&self, now: Instant) -> Result<(), Failure> {
        let mut memory = self.write()?;
        let forgotten = memory.forget(now);
        self.metrics.expired(forgotten);
        self.metrics.show(memory.index(), memory.pending());
        Ok(())
    }

    fn read_keys<'a>(&self, sighting: Sighting<'a>) -> (Sighting<'a>, Result<Vec<Key>, String>) {
        if sighting.scope.name.is_empty() {
            return (sighting, Err("it has no name".to_owned()));
        }
        let keys = self.ask_for_keys(&sighting).unwrap_or_else(|failure| Err(failure.to_string()));
        (sighting, keys)
    }

    /// Requests go first: while they take every instance, this waits.
    fn ask_for_keys(&self, sighting: &Sighting<'_>) -> Result<Result<Vec<Key>, String>, Failure> {
        for _ in 0..PATIENCE {
            match self.policy.keys(&sighting.scope, sighting.json) {
                Err(Failure::Busy) => std::thread::sleep(PAUSE),
                answer => return answer,
            }
        }
        Err(Failure::Busy)
    }

    /// Each is counted, but not each is logged: a list may have thousands. Why could quote an object, so it is kept for
    /// those who look for it.
    fn tell_left_out(&self, left_out: &[LeftOut]) {
        for LeftOut { object, reason } in left_out {
            self.metrics.unreadable(&object.resource);
            tracing::debug!(policy = self.name(), ?object, reason, "left out of the index");
        }
        let Some(LeftOut { object, .. }) = left_out.first() else { return };
        tracing::warn!(
            policy = self.name(),
            resource = ?object.resource,
            namespace = ?object.namespace,
            name = ?object.name,
            others = left_out.len() - 1,
            "left out of the index: the policy can't read it"
        );
    }

    fn name(&self) -> &str {
        &self.policy.description().name
    }
}

/// Enters an object, or says why it is left out; what was known of it before is gone in any case.
fn enter(
    memory: &mut Memory,
    sighting: &Sighting<'_>,
    keys: Result<Vec<Key>, String>,
    round: u32,
) -> Option<LeftOut> {
    let Sighting { scope, uid, version, .. } = sighting;
    let entered = keys
        .and_then(|keys| memory.see(scope, uid, *version, keys, round).map_err(|error| error.to_string()));
    let reason = entered.err()?;
    // The update that made it unreadable may have been admitted here.
    let _ = memory.see(scope, uid, *version, Vec::new(), round);
    Some(LeftOut { object: scope.clone(), reason })
}
