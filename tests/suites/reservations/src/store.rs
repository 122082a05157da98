//! What the API server stores: reservations in one order, and volumes.

use ordinance_reservation::{Draft, HeldKey, Holder, Input, Reservation, WatchEvent};
use std::collections::BTreeMap;

/// A stored volume, which holds one path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) key: HeldKey,
}

/// A change of the volumes.
#[derive(Clone, Debug)]
pub(crate) enum VolumeEvent {
    Stored(Volume),
    Deleted(Volume),
}

/// The store and its history.
#[derive(Debug, Default)]
pub(crate) struct Store {
    revision: u64,
    pub(crate) reservations: BTreeMap<String, Reservation>,
    pub(crate) events: Vec<WatchEvent>,
    pub(crate) volumes: BTreeMap<String, Volume>,
    pub(crate) volume_events: Vec<VolumeEvent>,
    /// Pairs of volumes that overlap, by name.
    pub(crate) doubles: Vec<[String; 2]>,
}

// === impl Volume ===

impl Volume {
    /// Returns what a replica learns when its watch reports the volume.
    pub(crate) fn observed(&self) -> Input {
        Input::Observed(self.holder(), vec![self.key.clone()])
    }

    /// Returns the volume as the holder of its key.
    pub(crate) fn holder(&self) -> Holder {
        Holder {
            group: String::new(),
            version: "v1".to_owned(),
            resource: "persistentvolumes".to_owned(),
            namespace: String::new(),
            name: self.name.clone(),
            uid: self.uid.clone(),
        }
    }
}

// === impl Store ===

impl Store {
    pub(crate) fn create(&mut self, draft: Draft) {
        self.revision += 1;
        let reservation = Reservation { revision: Some(self.revision), draft };
        self.reservations.insert(reservation.draft.name.clone(), reservation.clone());
        self.events.push(WatchEvent::Added(reservation));
    }

    /// Changes a reservation as `kubectl label` does: from now on, lists show a later version.
    pub(crate) fn edit(&mut self, number: usize) {
        self.revision += 1;
        let count = self.reservations.len().max(1);
        if let Some(edited) = self.reservations.values_mut().nth(number % count) {
            edited.revision = None;
            self.events.push(WatchEvent::Added(edited.clone()));
        }
    }

    pub(crate) fn delete(&mut self, name: &str) {
        if self.reservations.remove(name).is_some() {
            self.revision += 1;
            self.events.push(WatchEvent::Removed(name.to_owned()));
        }
    }

    pub(crate) fn list(&self, realms: &[String]) -> Vec<Reservation> {
        let is_of =
            |reservation: &&Reservation| reservation.draft.keys.iter().any(|key| realms.contains(&key.realm));
        self.reservations.values().filter(is_of).cloned().collect()
    }

    /// Stores an admitted volume, unless there is one with its name.
    pub(crate) fn store(&mut self, volume: Volume) {
        if self.volumes.contains_key(&volume.name) {
            return;
        }
        let overlapping = self.volumes.values().filter(|other| other.key.overlaps(&volume.key));
        self.doubles.extend(overlapping.map(|other| [other.name.clone(), volume.name.clone()]));
        self.volume_events.push(VolumeEvent::Stored(volume.clone()));
        self.volumes.insert(volume.name.clone(), volume);
    }

    pub(crate) fn delete_volume(&mut self, name: &str) {
        if let Some(volume) = self.volumes.remove(name) {
            self.volume_events.push(VolumeEvent::Deleted(volume));
        }
    }

    /// Returns whether a volume with this name and uid is stored.
    pub(crate) fn has(&self, name: &str, uid: &str) -> bool {
        self.volumes.get(name).is_some_and(|volume| volume.uid == uid)
    }
}
