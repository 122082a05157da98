//! Who holds or uses which key: realm, tree of segments, holders.
//!
//! A look-up costs the length of the path and the number of answers, never the size of the cluster: every node knows who
//! is below it, grouped by what their keys say. The index knows nothing of what keys mean.

mod few;
mod holder;
mod node;
mod pool;

use holder::{Holder, Identity, Kind};
use node::{Group, Node};
use ordinance_contract::{Holding, Key, Scope, Stance};
use pool::Pool;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::RandomState;
use std::sync::Arc;

/// Segments of a key's path. Every segment costs a node; no file system takes a path as deep as this.
pub const MAX_DEPTH: usize = 256;

/// The keys of all objects that exist.
///
/// A cluster has a hundred thousand: so texts are shared, and places that one object has to itself are small.
#[derive(Debug, Default)]
pub struct Index {
    realms: HashMap<Arc<str>, Node>,
    objects: hashbrown::HashMap<Holder, Entry, RandomState>,
    kinds: Pool<Kind>,
    namespaces: Pool<str>,
    groups: Pool<Group>,
    resources: BTreeMap<String, usize>,
    keys: usize,
    segments: usize,
}

/// What is known of an object.
#[derive(Debug)]
struct Entry {
    /// Sorted.
    keys: Box<[Held]>,
    /// The last list that it was seen in.
    round: u32,
}

/// A key as it is kept, in texts that it shares with others.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    realm: Arc<str>,
    path: Box<[Arc<str>]>,
    group: Arc<Group>,
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
    held: &'a Held,
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
        self.objects.contains_key(&Identity::from(object))
    }

    /// What an object holds and uses.
    pub fn keys_of(&self, object: &Scope<'_>) -> Vec<Key> {
        let entry = self.objects.get(&Identity::from(object));
        entry.into_iter().flat_map(|entry| &entry.keys).map(Key::from).collect()
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
            let gone = entry.round < round && holder.kind().is_of(group, resource);
            gone.then(|| holder.scope())
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
        let except = is_stored.then(|| Identity::from(except));
        let except = except.and_then(|own| self.objects.get_key_value(&own)).map(|(own, _)| own);
        let mut found = BTreeSet::new();
        for key in keys {
            for answer in self.whole(key, except).chain(self.grouped(key, except)) {
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
        let round = round.or(before).unwrap_or_default();
        let keys: BTreeSet<Key> = keys.into_iter().filter(|key| key.stance != Stance::Looks).collect();
        if !keys.is_empty() {
            self.add(&object, &keys, round);
        }
        Ok(())
    }

    /// Removes an object; returns the last list that it was seen in.
    fn take(&mut self, object: &Scope<'_>) -> Option<u32> {
        let (holder, entry) = self.objects.remove_entry(&Identity::from(object))?;
        self.count_out(holder.kind().resource());
        self.keys -= entry.keys.len();
        for held in entry.keys {
            self.segments -= held.path.len();
            self.remove_key(&held, &holder);
            self.groups.release(held.group);
        }
        self.forget(holder);
        Some(entry.round)
    }

    fn remove_key(&mut self, held: &Held, holder: &Holder) {
        let Some(root) = self.realms.get_mut(&held.realm) else { return };
        root.remove(&held.path, &held.group, holder);
        if root.is_empty() {
            self.realms.remove(&held.realm);
        }
    }

    /// Gives back what it shared with others.
    fn forget(&mut self, holder: Holder) {
        let (kind, namespace) = (Arc::clone(holder.kind()), Arc::clone(holder.namespace()));
        drop(holder);
        self.kinds.release(kind);
        self.namespaces.release(namespace);
    }

    fn count_out(&mut self, resource: &str) {
        let Some(objects) = self.resources.get_mut(resource) else { return };
        *objects -= 1;
        if *objects == 0 {
            self.resources.remove(resource);
        }
    }

    fn add(&mut self, object: &Scope<'_>, keys: &BTreeSet<Key>, round: u32) {
        let kind = self.kinds.share(Kind::from(object));
        *self.resources.entry(kind.resource().to_owned()).or_default() += 1;
        let holder = Holder::new(kind, self.namespaces.share(&*object.namespace), &object.name);
        self.keys += keys.len();
        let keys = keys.iter().map(|key| self.add_key(key, &holder)).collect();
        self.objects.insert(holder, Entry { keys, round });
    }

    fn add_key(&mut self, key: &Key, holder: &Holder) -> Held {
        self.segments += key.path.len();
        let group = self.groups.share(Group::from(key));
        let known = self.realms.get_key_value(key.realm.as_str()).map(|(realm, _)| Arc::clone(realm));
        let realm = known.unwrap_or_else(|| key.realm.as_str().into());
        let root = self.realms.entry(Arc::clone(&realm)).or_default();
        Held { realm, path: root.insert(&key.path, &group, holder), group }
    }

    /// Keys that are equal to this one or above it.
    fn whole<'a>(&'a self, key: &'a Key, except: Option<&'a Holder>) -> impl Iterator<Item = Found<'a>> {
        let way = self.realms.get(key.realm.as_str()).into_iter().flat_map(|root| root.way(&key.path));
        way.enumerate().flat_map(move |(depth, node)| {
            let here = node.here().filter(move |holder| Some(*holder) != except);
            here.flat_map(move |holder| self.at(key, depth, holder))
        })
    }

    /// All that a holder has at the first segments of a key.
    fn at<'a>(&'a self, key: &'a Key, depth: usize, holder: &'a Holder) -> impl Iterator<Item = Found<'a>> {
        self.of(holder)
            .iter()
            .filter(move |held| held.path.len() == depth && held.is_on_the_way_to(key))
            .map(move |held| Found { held, holder, count: 1 })
    }

    /// Keys below this one, one of a group.
    fn grouped<'a>(&'a self, key: &'a Key, except: Option<&'a Holder>) -> impl Iterator<Item = Found<'a>> {
        let node = self.realms.get(key.realm.as_str()).and_then(|root| root.find(&key.path));
        let groups = node.into_iter().flat_map(Node::below);
        groups.filter_map(move |(group, holders)| {
            let (holder, ()) = holders.iter().find(|(holder, ())| Some(*holder) != except)?;
            let count = holders.len() - usize::from(except.is_some_and(|own| holders.get(own).is_some()));
            let below = |held: &&Held| *held.group == *group && held.is_below(key);
            let held = self.of(holder).iter().find(below)?;
            Some(Found { held, holder, count })
        })
    }

    fn of(&self, holder: &Holder) -> &[Held] {
        self.objects.get(holder).map_or(&[], |entry| &entry.keys)
    }
}

// === impl Held ===

impl Held {
    /// Whether it is this key or above it.
    fn is_on_the_way_to(&self, key: &Key) -> bool {
        self.path.len() <= key.path.len() && self.agrees_with(key)
    }

    fn is_below(&self, key: &Key) -> bool {
        self.path.len() > key.path.len() && self.agrees_with(key)
    }

    /// Whether one of both is the other or above it.
    fn agrees_with(&self, key: &Key) -> bool {
        let mut segments = self.path.iter().zip(&key.path);
        *self.realm == *key.realm && segments.all(|(mine, other)| **mine == **other)
    }
}

impl From<&Held> for Key {
    fn from(held: &Held) -> Self {
        Self {
            realm: held.realm.to_string(),
            path: held.path.iter().map(ToString::to_string).collect(),
            stance: held.group.stance,
            note: held.group.note.to_string(),
        }
    }
}

// === impl Found ===

impl From<Found<'_>> for Holding {
    fn from(found: Found<'_>) -> Self {
        let Key { realm, path, stance, note } = found.held.into();
        Self {
            realm,
            path,
            stance,
            note,
            holder: found.holder.scope(),
            count: u32::try_from(found.count).unwrap_or(u32::MAX),
        }
    }
}
