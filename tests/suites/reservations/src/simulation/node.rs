//! A replica of the simulation: the state machine, and what it knows of the volumes.

use super::STALENESS;
use crate::mutant::Mutant;
use crate::store::{Volume, VolumeEvent};
use ordinance_reservation::{AttemptId, Collector, Draft, Holder, Replica, Reservation, Retention};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) struct Node {
    pub(super) replica: Replica,
    pub(super) collector: Collector,
    mutant: Option<Mutant>,
    /// The number of restarts.
    pub(super) epoch: u32,
    /// The volumes that its watch has reported, by name.
    pub(super) volumes: BTreeMap<String, Volume>,
    /// The drafts of its attempts.
    pub(super) draft_of: BTreeMap<AttemptId, Draft>,
    /// The number of events of the log that its watch has reported.
    pub(super) seen: usize,
    pub(super) seen_volumes: usize,
    pub(super) is_listing: bool,
    pub(super) paused_until: u64,
    /// Since when its watch of the volumes lags behind, if it does.
    pub(super) stalled_since: Option<u64>,
}

// === impl Node ===

impl Node {
    pub(super) fn new(mutant: Option<Mutant>) -> Self {
        Self {
            replica: Replica::default(),
            collector: Collector::new(retention(mutant)),
            mutant,
            epoch: 0,
            volumes: BTreeMap::new(),
            draft_of: BTreeMap::new(),
            seen: 0,
            seen_volumes: 0,
            is_listing: false,
            paused_until: 0,
            stalled_since: None,
        }
    }

    /// Forgets everything, and knows the volumes that a list shows.
    pub(super) fn restart(
        &mut self,
        mutant: Option<Mutant>,
        volumes: BTreeMap<String, Volume>,
        seen_volumes: usize,
    ) {
        let epoch = self.epoch + 1;
        *self = Self { epoch, volumes, seen_volumes, ..Self::new(mutant) };
    }

    /// Returns the names of the reservations to delete.
    pub(super) fn look(&mut self, now: Duration) -> Vec<String> {
        let own = &self.draft_of;
        let is_own =
            |reservation: &Reservation| own.values().any(|draft| draft.name == reservation.draft.name);
        self.collector.look(self.replica.log(), now, is_own).into_iter().map(str::to_owned).collect()
    }

    /// Returns whether the watch of the volumes is not known to be silent.
    pub(super) fn is_current(&self, now: u64) -> bool {
        let is_silent = self.stalled_since.is_some_and(|since| now - since > STALENESS);
        !is_silent || self.mutant == Some(Mutant::NoFreshness)
    }

    pub(super) fn observe(&mut self, event: &VolumeEvent) {
        match event {
            VolumeEvent::Stored(volume) => self.volumes.insert(volume.name.clone(), volume.clone()),
            VolumeEvent::Deleted(volume) => self.volumes.remove(&volume.name),
        };
    }

    pub(super) fn draft(&self, volume: &Volume, nonce: u64) -> Draft {
        let mut key = volume.key.clone();
        if self.mutant == Some(Mutant::TextPaths) {
            key.path = vec![key.path.join("/")];
        }
        Draft { name: format!("r-{}-{nonce:016x}", volume.uid), holder: self.holder(volume), keys: vec![key] }
    }

    pub(super) fn holder(&self, volume: &Volume) -> Holder {
        let holder = volume.holder();
        let name = if self.mutant == Some(Mutant::HolderByUid) { holder.uid.clone() } else { holder.name };
        Holder { name, ..holder }
    }
}

fn retention(mutant: Option<Mutant>) -> Retention {
    match mutant {
        Some(Mutant::ShortGrace) => Retention {
            own: Duration::from_secs(10),
            foreign: Duration::from_secs(10),
            ..Retention::default()
        },
        _ => Retention::default(),
    }
}
