//! Who holds or uses which key: realm, tree of segments, holders.
//!
//! A look-up costs the length of the path and the number of answers, never the size of the cluster: every node knows who
//! is below it, grouped by what their keys say. The index knows nothing of what keys mean.

mod holder;
mod node;

use holder::Holder;
use node::{Group, Node};
use ordinance_contract::{Holding, Key, Scope, Stance};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Segments of a key's path. Every segment costs a node; no file system takes a path as deep as this.
pub const MAX_DEPTH: usize = 256;

/// The keys of all objects that exist.
#[derive(Debug, Default)]
pub struct Index {
    realms: HashMap<String, Node>,
    objects: HashMap<Holder, Entry>,
    resources: BTreeMap<String, usize>,
    keys: usize,
    segments: usize,
}

/// What is known of an object.
#[derive(Debug)]
struct Entry {
    keys: Vec<Key>,
    /// The last list that it was seen in.
    round: u32,
}

/// A key is deeper than [`MAX_DEPTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key has {segments} segments, more than {MAX_DEPTH}")]
pub struct TooDeep {
    /// The segments of its path.
    pub segments: usize,
}

/// More holdings overlap than were asked for at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {limit} different holdings overlap")]
pub struct TooMany {
    /// The limit.
    pub limit: usize,
}

/// An answer that is not copied yet. Its order is that of the answers.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found<'a> {
    realm: &'a str,
    path: &'a [String],
    stance: Stance,
    note: &'a str,
    holder: &'a Holder,
    count: usize,
}

// === impl Index ===

impl Index {
    /// Objects that hold or use something.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether nobody holds or uses anything.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Keys of all objects together.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// How many objects hold or use something, by the plural of their kind; never 0.
    pub fn resources(&self) -> &BTreeMap<String, usize> {
        &self.resources
    }

    /// Segments of all keys together: what the index takes up in memory goes by them.
    pub fn segments(&self) -> usize {
        self.segments
    }

    /// Whether this object holds or uses something.
    pub fn contains(&self, object: &Scope<'_>) -> bool {
        self.objects.contains_key(&Holder::from(object))
    }

    /// What an object holds and uses.
    pub fn keys_of(&self, object: &Scope<'_>) -> Vec<Key> {
        self.of(&Holder::from(object)).to_vec()
    }

    /// Sets what an object holds and uses, in place of what it did; keys that it only looks at are passed over. It counts
    /// as seen when it did before, or never.
    ///
    /// # Errors
    ///
    /// A key is too deep; nothing was changed.
    pub fn insert(&mut self, object: Scope<'static>, keys: Vec<Key>) -> Result<(), TooDeep> {
        self.put(object, keys, None)
    }

    /// The same for an object that was seen in a list, or since. Rounds are lists of one resource, in their order.
    ///
    /// # Errors
    ///
    /// A key is too deep; nothing was changed.
    pub fn insert_seen(&mut self, object: Scope<'static>, keys: Vec<Key>, round: u32) -> Result<(), TooDeep> {
        self.put(object, keys, Some(round))
    }

    /// Forgets the objects of a resource that were last seen before a round, and returns them: a list that is whole
    /// without them says that they are gone. Costs the number of all objects.
    pub fn sweep(&mut self, group: &str, resource: &str, round: u32) -> Vec<Scope<'static>> {
        let is_gone = |(holder, entry): (&Holder, &Entry)| {
            let object = holder.scope();
            let gone = object.group == group && object.resource == resource && entry.round < round;
            gone.then(|| object.clone())
        };
        let gone: Vec<Scope<'static>> = self.objects.iter().filter_map(is_gone).collect();
        gone.iter().for_each(|object| self.remove(object));
        gone
    }

    /// Forgets an object.
    pub fn remove(&mut self, object: &Scope<'_>) {
        self.take(object);
    }

    /// Who else holds or uses something that overlaps these keys, in a fixed order.
    ///
    /// Keys that are equal or above are given one by one. Of those below, one for each stance and note: the first by the
    /// object's name, with the number of objects. An object without a name has no keys here yet: nobody is left out for
    /// it. Neither for a subresource such as a Scale, which wants to know what the object itself holds.
    ///
    /// # Errors
    ///
    /// There are more than `limit` answers.
    pub fn overlaps(&self, keys: &[Key], except: &Scope<'_>, limit: usize) -> Result<Vec<Holding>, TooMany> {
        let is_stored = !except.name.is_empty() && except.subresource.is_empty();
        let except = is_stored.then(|| Holder::from(except));
        let mut found = BTreeSet::new();
        for key in keys {
            for answer in self.whole(key, except.as_ref()).chain(self.grouped(key, except.as_ref())) {
                found.insert(answer);
                if found.len() > limit {
                    return Err(TooMany { limit });
                }
            }
        }
        Ok(found.into_iter().map(Holding::from).collect())
    }

    /// Without a round, that of the entry which it replaces.
    fn put(&mut self, object: Scope<'static>, keys: Vec<Key>, round: Option<u32>) -> Result<(), TooDeep> {
        if let Some(segments) = keys.iter().map(|key| key.path.len()).find(|segments| *segments > MAX_DEPTH) {
            return Err(TooDeep { segments });
        }
        let before = self.take(&object);
        let round = round.or(before.map(|entry| entry.round)).unwrap_or_default();
        let keys: BTreeSet<Key> = keys.into_iter().filter(|key| key.stance != Stance::Looks).collect();
        if !keys.is_empty() {
            self.add(Holder::from(&object), Entry { keys: keys.into_iter().collect(), round });
        }
        Ok(())
    }

    fn take(&mut self, object: &Scope<'_>) -> Option<Entry> {
        let (holder, entry) = self.objects.remove_entry(&Holder::from(object))?;
        self.count_out(&object.resource);
        self.keys -= entry.keys.len();
        for key in &entry.keys {
            self.segments -= key.path.len();
            let Some(root) = self.realms.get_mut(&key.realm) else { continue };
            root.remove(&key.path, &Group::from(key), &holder);
            if root.is_empty() {
                self.realms.remove(&key.realm);
            }
        }
        Some(entry)
    }

    fn count_out(&mut self, resource: &str) {
        let Some(objects) = self.resources.get_mut(resource) else { return };
        *objects -= 1;
        if *objects == 0 {
            self.resources.remove(resource);
        }
    }

    fn add(&mut self, holder: Holder, entry: Entry) {
        *self.resources.entry(holder.scope().resource.to_string()).or_default() += 1;
        self.keys += entry.keys.len();
        for key in &entry.keys {
            self.segments += key.path.len();
            let root = self.realms.entry(key.realm.clone()).or_default();
            root.insert(&key.path, &Group::from(key), &holder);
        }
        self.objects.insert(holder, entry);
    }

    /// Keys that are equal to this one or above it.
    fn whole<'a>(&'a self, key: &'a Key, except: Option<&'a Holder>) -> impl Iterator<Item = Found<'a>> {
        let way = self.realms.get(&key.realm).into_iter().flat_map(|root| root.way(&key.path));
        way.enumerate().flat_map(move |(depth, node)| {
            let here = node.here().iter().filter(move |holder| Some(*holder) != except);
            here.flat_map(move |holder| self.at(key, depth, holder))
        })
    }

    /// All that a holder has at the first segments of a key.
    fn at<'a>(&'a self, key: &'a Key, depth: usize, holder: &'a Holder) -> impl Iterator<Item = Found<'a>> {
        let place = key.path.get(..depth).unwrap_or(&key.path);
        self.of(holder)
            .iter()
            .filter(move |held| held.realm == key.realm && held.path == place)
            .map(move |held| Found::new(held, holder, 1))
    }

    /// Keys below this one, one of a group.
    fn grouped<'a>(&'a self, key: &'a Key, except: Option<&'a Holder>) -> impl Iterator<Item = Found<'a>> {
        let node = self.realms.get(&key.realm).and_then(|root| root.find(&key.path));
        let groups = node.into_iter().flat_map(Node::below);
        groups.filter_map(move |(group, holders)| {
            let first = holders.keys().find(|holder| Some(*holder) != except)?;
            let count = holders.len() - usize::from(except.is_some_and(|own| holders.contains_key(own)));
            let below = |held: &&Key| {
                held.realm == key.realm
                    && held.path.len() > key.path.len()
                    && held.path.starts_with(&key.path)
                    && Group::from(*held) == *group
            };
            let held = self.of(first).iter().filter(below).min()?;
            Some(Found::new(held, first, count))
        })
    }

    fn of(&self, holder: &Holder) -> &[Key] {
        self.objects.get(holder).map_or(&[], |entry| &entry.keys)
    }
}

// === impl Found ===

impl<'a> Found<'a> {
    fn new(held: &'a Key, holder: &'a Holder, count: usize) -> Self {
        Self { realm: &held.realm, path: &held.path, stance: held.stance, note: &held.note, holder, count }
    }
}

impl From<Found<'_>> for Holding {
    fn from(found: Found<'_>) -> Self {
        Self {
            realm: found.realm.to_owned(),
            path: found.path.to_vec(),
            stance: found.stance,
            note: found.note.to_owned(),
            holder: found.holder.scope().clone(),
            count: u32::try_from(found.count).unwrap_or(u32::MAX),
        }
    }
}
