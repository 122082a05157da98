//! The log as one replica knows it by its watch.

use crate::reservation::{Draft, HeldKey, Holder, Reservation};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a watch of the log reports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WatchEvent {
    /// A list starts: events may have been missed.
    ListStarted,
    /// An item of the list, in any order.
    Listed(Reservation),
    /// The list is complete.
    ListFinished,
    /// The next reservation in the order of the log, or a change of a known one.
    Added(Reservation),
    /// The reservation with this name was deleted.
    Removed(String),
}

/// The reservations that a replica knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Log {
    /// By name, each without the keys that its stored object holds, once a watch has reported it: that object excludes others by
    /// itself.
    entries: BTreeMap<String, Reservation>,
    /// The names of the entries that exclude others, by realm and path.
    places: BTreeMap<(String, Vec<String>), BTreeSet<String>>,
    /// The names of the entries by the uid of their holder.
    holders: BTreeMap<String, BTreeSet<String>>,
    /// The names in the list that runs.
    listed: Option<BTreeSet<String>>,
    /// The last objects that a watch reported, by uid, with their keys: their reservations may be reported later.
    observed: VecDeque<(String, ObservedKeys)>,
}

/// What an observed object holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ObservedKeys {
    Held(Vec<HeldKey>),
    /// It is deleted, and no object will have its uid again.
    Deleted,
}

/// The objects whose reservations may be reported after them. Both reports follow each other within milliseconds.
const OBSERVED_OBJECTS: usize = 256;

// === impl Log ===

impl Log {
    /// Returns the number of reservations.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether there is no reservation.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the reservations, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Reservation> {
        self.entries.values()
    }

    /// Returns whether there is a reservation with this name.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Returns whether no reservation excludes any object.
    pub fn excludes_nothing(&self) -> bool {
        self.places.is_empty()
    }

    /// Applies what the watch reports. Returns the names that a complete list did not contain.
    pub(crate) fn apply(&mut self, event: &WatchEvent) -> Vec<String> {
        match event {
            WatchEvent::ListStarted => self.listed = Some(BTreeSet::new()),
            WatchEvent::Listed(reservation) => {
                if let Some(listed) = &mut self.listed {
                    listed.insert(reservation.draft.name.clone());
                }
                self.insert(reservation);
            }
            WatchEvent::ListFinished => return self.finish_list(),
            WatchEvent::Added(reservation) => self.insert(reservation),
            WatchEvent::Removed(name) => self.remove(name),
        }
        Vec::new()
    }

    /// Returns the reservation with this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Reservation> {
        self.entries.get(name)
    }

    /// Returns the reservations of other objects that overlap the keys of a draft, sorted by name.
    pub fn conflicts<'a>(&'a self, draft: &Draft) -> Vec<&'a Reservation> {
        let names: BTreeSet<&String> =
            draft.keys.iter().flat_map(|key| self.at(&key.realm, &key.path)).collect();
        let found = names.into_iter().filter_map(|name| self.entries.get(name));
        found.filter(|other| other.draft.conflicts_with(draft)).collect()
    }

    /// Returns whether the object of a reservation excludes others by itself, or is deleted.
    pub(crate) fn is_settled(&self, name: &str) -> bool {
        self.entries.get(name).is_some_and(|found| found.draft.keys.is_empty())
    }

    /// Returns whether an object with this uid has an open reservation.
    pub fn is_open(&self, uid: &str) -> bool {
        let names = self.holders.get(uid).into_iter().flatten();
        names.filter_map(|name| self.entries.get(name)).any(|found| !found.draft.keys.is_empty())
    }

    /// Records that a watch reports an object, and what it holds. An update that adds keys may not be stored yet, so only what
    /// the object holds need not be reserved any more.
    pub(crate) fn settle(&mut self, holder: &Holder, keys: Vec<HeldKey>) {
        self.observe(holder, ObservedKeys::Held(keys));
    }

    /// Records that a watch reports the end of an object: its reservations exclude no other object any more.
    pub(crate) fn release(&mut self, holder: &Holder) {
        self.observe(holder, ObservedKeys::Deleted);
    }

    fn observe(&mut self, holder: &Holder, keys: ObservedKeys) {
        let names: Vec<String> = self.holders.get(&holder.uid).into_iter().flatten().cloned().collect();
        for name in names {
            let Some(mut reservation) = self.take(&name) else { continue };
            keys.remove_from(&mut reservation.draft.keys);
            self.put(reservation);
        }
        self.observed.retain(|(uid, _)| *uid != holder.uid);
        if self.observed.len() >= OBSERVED_OBJECTS {
            self.observed.pop_front();
        }
        self.observed.push_back((holder.uid.clone(), keys));
    }

    /// Returns the names at a path, at the paths that are prefixes of it, and below it.
    fn at(&self, realm: &str, path: &[String]) -> impl Iterator<Item = &String> {
        let prefixes = (0..path.len()).filter_map(move |end| path.get(..end));
        let above = prefixes.filter_map(move |prefix| self.places.get(&(realm.to_owned(), prefix.to_vec())));
        let first = (realm.to_owned(), path.to_vec());
        let below = self
            .places
            .range(first..)
            .take_while(move |((other, below), _)| other == realm && below.starts_with(path));
        above.chain(below.map(|(_, names)| names)).flatten()
    }

    /// Enters a reservation. What is known of it stays: an edited one keeps its place in the order.
    fn insert(&mut self, reservation: &Reservation) {
        if self.entries.contains_key(&reservation.draft.name) {
            return;
        }
        let mut reservation = reservation.clone();
        let uid = &reservation.draft.holder.uid;
        if let Some((_, keys)) = self.observed.iter().find(|(observed, _)| observed == uid) {
            keys.remove_from(&mut reservation.draft.keys);
        }
        self.put(reservation);
    }

    fn put(&mut self, reservation: Reservation) {
        let Draft { name, holder, keys } = &reservation.draft;
        for key in keys {
            self.places.entry((key.realm.clone(), key.path.clone())).or_default().insert(name.clone());
        }
        self.holders.entry(holder.uid.clone()).or_default().insert(name.clone());
        self.entries.insert(name.clone(), reservation);
    }

    fn remove(&mut self, name: &str) {
        self.take(name);
    }

    fn take(&mut self, name: &str) -> Option<Reservation> {
        let reservation = self.entries.remove(name)?;
        for key in &reservation.draft.keys {
            remove_name(&mut self.places, &(key.realm.clone(), key.path.clone()), name);
        }
        remove_name(&mut self.holders, &reservation.draft.holder.uid, name);
        Some(reservation)
    }

    fn finish_list(&mut self) -> Vec<String> {
        let Some(listed) = self.listed.take() else { return Vec::new() };
        let gone: Vec<String> = self.entries.keys().filter(|name| !listed.contains(*name)).cloned().collect();
        gone.iter().for_each(|name| self.remove(name));
        gone
    }
}

// === impl ObservedKeys ===

impl ObservedKeys {
    /// Removes what the object holds by itself.
    fn remove_from(&self, reserved: &mut Vec<HeldKey>) {
        match self {
            Self::Deleted => reserved.clear(),
            Self::Held(held) => reserved.retain(|key| !held.contains(key)),
        }
    }
}

/// Removes a name from the set at a key, and the set if that was the last one.
fn remove_name<K: Ord>(sets: &mut BTreeMap<K, BTreeSet<String>>, key: &K, name: &str) {
    if let Some(names) = sets.get_mut(key) {
        names.remove(name);
        if names.is_empty() {
            sets.remove(key);
        }
    }
}
