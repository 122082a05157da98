//! Updates the index with the objects that the watches of a cluster report.

use super::memory::Memory;
use super::target::uid;
use super::{Admission, UnreadableObject};
use ordinance_contract::{Key, Scope, Stance, Watch};
use ordinance_engine::Failure;
use ordinance_index::reserved;
use std::borrow::Cow;
use std::time::Duration;

/// The number of objects that enter the index under one lock. Requests wait for that lock.
const BATCH: usize = 50;

/// Attempts to get a free instance, and the pause between them: 10 s in all.
const ATTEMPTS: u32 = 1_000;
const PAUSE: Duration = Duration::from_millis(10);

/// A stored object, as a list or a watch reports it.
#[derive(Clone, Debug)]
pub struct ObservedObject<'a> {
    /// The object's resource, namespace and name; the name is empty if the object has none.
    pub scope: Scope<'static>,
    /// The object's uid.
    pub uid: &'a str,
    /// The object's resource version, if it is a number.
    pub version: Option<u64>,
    /// The object as JSON.
    pub json: &'a str,
}

// === impl Admission ===

impl Admission {
    /// Enters stored objects, reported by the list of this round or by the watch after it. Runs the policy once per
    /// object. Objects that the policy can't read are left out, counted and logged.
    ///
    /// # Errors
    ///
    /// [`Failure::NotReady`] after a panic under the index's lock; from then on no request is admitted.
    pub fn observe<'a>(
        &self,
        objects: impl IntoIterator<Item = ObservedObject<'a>>,
        round: u32,
    ) -> Result<(), Failure> {
        let mut unreadable = Vec::new();
        let mut objects = objects.into_iter().peekable();
        while objects.peek().is_some() {
            // The policy runs before the lock is taken.
            let batch: Vec<_> =
                objects.by_ref().take(BATCH).map(|object| (self.keys_of(&object), object)).collect();
            let mut memory = self.write()?;
            let mut entered = Vec::new();
            for (keys, object) in batch {
                unreadable.extend(self.enter_observed(&mut memory, &object, &keys, round));
                entered.extend(keys.ok().map(|keys| (object, keys)));
            }
            self.metrics.show(memory.index(), memory.pending());
            drop(memory);
            // From here on the stored objects count, and their reservations need not.
            if let Some(log) = self.reservations() {
                entered.iter().for_each(|(object, keys)| log.observed(&object.scope, object.uid, keys));
            }
        }
        self.report_unreadable(&unreadable);
        Ok(())
    }

    /// Removes an object that a watch reports as deleted.
    ///
    /// # Errors
    ///
    /// As [`Admission::observe`].
    pub fn remove(&self, object: &Scope<'_>, uid: &str) -> Result<(), Failure> {
        // Before the object is removed, so that no answer of the API server from before enters it again.
        if let Some(log) = self.reservations() {
            log.deleted(object, uid);
        }
        let mut memory = self.write()?;
        memory.remove(object, uid);
        self.metrics.show(memory.index(), memory.pending());
        Ok(())
    }

    /// Removes the objects of a resource that the complete list of this round did not contain.
    ///
    /// # Errors
    ///
    /// As [`Admission::observe`].
    pub fn sweep(&self, watch: &Watch, round: u32) -> Result<(), Failure> {
        let mut memory = self.write()?;
        memory.sweep(watch, round);
        self.left_out.sweep(watch, round);
        self.metrics.show(memory.index(), memory.pending());
        Ok(())
    }

    /// Finds out what became of the objects of old reservations. If the index has them they count by themselves; if the API server
    /// does not store them now, it never will.
    pub async fn settle_old_reservations(&self) {
        let Some(cluster) = &self.cluster else { return };
        let (Some(log), Some(stored)) = (cluster.reservations.get(), cluster.stored.get()) else { return };
        for reservation in log.old() {
            let holder = &reservation.draft.holder;
            let object = reserved::scope(holder);
            let indexed =
                self.memory.read().map(|memory| memory.index().keys_of(&object)).unwrap_or_default();
            log.observed(&object, &holder.uid, &indexed);
            if !log.is_open(&holder.uid) {
                continue;
            }
            match stored.get(&object).await {
                Ok(Some(json)) if uid(&json).as_deref() == Some(&*holder.uid) => {}
                Ok(_) => log.abandoned(&reservation),
                Err(error) => {
                    tracing::debug!(?object, error, "can't ask whether a reserved object is stored")
                }
            }
        }
    }

    /// Enters an object, and returns why it is left out or only its held keys are entered. A previous state of the object is
    /// removed in any case.
    fn enter_observed(
        &self,
        memory: &mut Memory,
        object: &ObservedObject<'_>,
        keys: &Result<Vec<Key>, String>,
        round: u32,
    ) -> Option<UnreadableObject> {
        let ObservedObject { scope, uid, version, .. } = object;
        let entered = match keys {
            Ok(keys) => self.fitting(memory, scope, keys, round).and_then(|keys| {
                memory.observe(scope, uid, *version, &keys, round).map_err(|error| error.to_string())
            }),
            Err(reason) => Err(reason.clone()),
        };
        let reason = entered.err()?;
        // What an object holds has no limit, and this process may have admitted its update.
        let held = keys.as_deref().map(held).unwrap_or_default();
        let _ = memory.observe(scope, uid, *version, &held, round);
        Some(UnreadableObject { object: scope.clone(), reason })
    }

    /// Returns the keys of an object that the index has room for. What an object holds always has room. If what an object of a
    /// namespace uses has none, the namespace gets no verdicts.
    fn fitting<'k>(
        &self,
        memory: &Memory,
        object: &Scope<'static>,
        keys: &'k [Key],
        round: u32,
    ) -> Result<Cow<'k, [Key]>, String> {
        if object.namespace.is_empty() {
            return Ok(keys.into());
        }
        if self.has_room(memory.index(), object, keys).map_err(|error| error.to_string())? {
            return Ok(keys.into());
        }
        self.left_out.add(object, round);
        self.metrics.left_out(&object.resource);
        tracing::debug!(policy = self.name(), ?object, "left out of the index, which is full");
        Ok(held(keys).into())
    }

    fn keys_of(&self, object: &ObservedObject<'_>) -> Result<Vec<Key>, String> {
        if object.scope.name.is_empty() {
            return Err("it has no name".to_owned());
        }
        self.keys_when_free(object).unwrap_or_else(|failure| Err(failure.to_string()))
    }

    /// Returns the policy's keys of an object. Waits while requests use every instance.
    fn keys_when_free(&self, object: &ObservedObject<'_>) -> Result<Result<Vec<Key>, String>, Failure> {
        for _ in 0..ATTEMPTS {
            match self.policy.keys(&object.scope, object.json) {
                Err(Failure::Busy) => std::thread::sleep(PAUSE),
                answer => return answer,
            }
        }
        Err(Failure::Busy)
    }

    /// Counts each object, but warns only once: a list may contain thousands. A reason may quote the object, so it is
    /// logged at debug level only.
    fn report_unreadable(&self, unreadable: &[UnreadableObject]) {
        for UnreadableObject { object, reason } in unreadable {
            self.metrics.unreadable(&object.resource);
            tracing::debug!(policy = self.name(), ?object, reason, "left out of the index");
        }
        let Some(UnreadableObject { object, .. }) = unreadable.first() else { return };
        tracing::warn!(
            policy = self.name(),
            resource = ?object.resource,
            namespace = ?object.namespace,
            name = ?object.name,
            others = unreadable.len() - 1,
            "left out of the index: the policy can't read it"
        );
    }

    /// Returns the name under which the policy is served, or its own.
    pub fn name(&self) -> &str {
        Some(self.metrics.policy()).filter(|name| !name.is_empty()).unwrap_or(&self.policy.description().name)
    }
}

/// Returns the keys that deny others something.
fn held(keys: &[Key]) -> Vec<Key> {
    keys.iter().filter(|key| key.stance == Stance::Holds).cloned().collect()
}
