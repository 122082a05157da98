//! An index of the keys that objects hold or use: realm, tree of path segments, holders.
//!
//! A look-up costs the length of the path and the number of answers, independently of the size of the cluster: every
//! node lists the holders below it, grouped by stance and note. The index does not interpret keys.

mod holder;
mod node;
mod pool;
mod small_map;

use holder::{Holder, HolderIdentity, ResourceKind};
use node::{Group, PathNode};
use ordinance_contract::{Holding, Key, Scope, Stance};
use pool::Pool;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::RandomState;
use std::sync::Arc;

/// The maximum number of segments in a path. Every segment costs a node; real file systems are not nested this deep.
pub const MAX_DEPTH: usize = 256;

/// The number of characters of a key in an error.
pub const SHOWN_KEY_CHARS: usize = 200;

/// The keys of all objects.
///
/// A cluster may have a hundred thousand objects, so texts are shared and nodes of a single object are small.
#[derive(Debug, Default)]
pub struct Index {
    realms: HashMap<Arc<str>, PathNode>,
    objects: hashbrown::HashMap<Holder, ObjectEntry, RandomState>,
    kinds: Pool<ResourceKind>,
    namespaces: Pool<str>,
    groups: Pool<Group>,
    resources: BTreeMap<String, usize>,
    keys: usize,
    segments: usize,
}

/// The keys of an object.
#[derive(Debug)]
struct ObjectEntry {
    /// Sorted.
    keys: Box<[StoredKey]>,
    /// The last list that the object was seen in.
    round: u32,
}

/// A key in shared texts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct StoredKey {
    realm: Arc<str>,
    path: Box<[Arc<str>]>,
    group: Arc<Group>,
}

/// A key has more than [`MAX_DEPTH`] segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key has {segments} segments, more than {MAX_DEPTH}")]
pub struct TooDeep {
    /// The number of segments.
    pub segments: usize,
}

/// More holdings overlap than the limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {limit} different holdings overlap {key}")]
pub struct TooMany {
    /// The limit that [`Index::overlaps`] was called with.
    pub limit: usize,
    /// The key that they overlap: its realm and its path, at most [`SHOWN_KEY_CHARS`] characters.
    pub key: String,
}

/// An overlapping key, before it is copied. The order is that of the holdings.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct OverlappingKey<'a> {
    held: &'a StoredKey,
    holder: &'a Holder,
    count: usize,
}

// === impl Index ===

impl Index {
    /// Returns the number of objects that hold or use a key.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Returns whether no object holds or uses a key.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Returns the number of keys of all objects.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// Returns the number of objects by resource, e.g. `persistentvolumes`. A resource without objects is absent.
    pub fn resources(&self) -> &BTreeMap<String, usize> {
        &self.resources
    }

    /// Returns the number of segments of all keys, which the memory of the index depends on.
    pub fn segments(&self) -> usize {
        self.segments
    }

    /// Returns whether an object holds or uses a key.
    pub fn contains(&self, object: &Scope<'_>) -> bool {
        self.objects.contains_key(&HolderIdentity::from(object))
    }

    /// Returns the keys of an object, sorted.
    pub fn keys_of(&self, object: &Scope<'_>) -> Vec<Key> {
        let entry = self.objects.get(&HolderIdentity::from(object));
        entry.into_iter().flat_map(|entry| &entry.keys).map(Key::from).collect()
    }

    /// Replaces the keys of an object. Keys that it only looks at are not stored. The round of the object stays; it is
    /// 0 for a new one.
    ///
    /// # Errors
    ///
    /// If a key is too deep; then nothing is changed.
    pub fn insert(&mut self, object: Scope<'static>, keys: Vec<Key>) -> Result<(), TooDeep> {
        self.put(object, keys, None)
    }

    /// Replaces the keys of an object that was seen in a list or after it. Rounds number the lists of one resource.
    ///
    /// # Errors
    ///
    /// If a key is too deep; then nothing is changed.
    pub fn insert_seen(&mut self, object: Scope<'static>, keys: Vec<Key>, round: u32) -> Result<(), TooDeep> {
        self.put(object, keys, Some(round))
    }

    /// Removes the objects of a resource that were last seen before a round, and returns them: a complete list without
    /// them shows that they no longer exist. Costs one pass over all objects.
    pub fn sweep(&mut self, group: &str, resource: &str, round: u32) -> Vec<Scope<'static>> {
        let is_gone = |(holder, entry): (&Holder, &ObjectEntry)| {
            let gone = entry.round < round && holder.kind().is_of(group, resource);
            gone.then(|| holder.scope())
        };
        let gone: Vec<Scope<'static>> = self.objects.iter().filter_map(is_gone).collect();
        gone.iter().for_each(|object| self.remove(object));
        gone
    }

    /// Removes an object.
    pub fn remove(&mut self, object: &Scope<'_>) {
        self.take(object);
    }

    /// Returns the keys of other objects that overlap these keys, in a fixed order.
    ///
    /// Equal keys and prefixes that objects hold are returned one by one. Of those that objects use, one is returned for
    /// each path and note, and of the keys below one for each stance and note: the first by the object's name, with the
    /// number of objects. `except` is the object whose own keys are left out; an object without a name has none yet, and a
    /// subresource such as a Scale gets the keys of the object itself.
    ///
    /// Of the uses, the first `limit` are returned: no number of them makes the review of another object fail.
    ///
    /// # Errors
    ///
    /// If more than `limit` returned keys are held.
    pub fn overlaps(&self, keys: &[Key], except: &Scope<'_>, limit: usize) -> Result<Vec<Holding>, TooMany> {
        let is_stored = !except.name.is_empty() && except.subresource.is_empty();
        let except = is_stored.then(|| HolderIdentity::from(except));
        let except = except.and_then(|own| self.objects.get_key_value(&own)).map(|(own, _)| own);
        let (mut held, mut used) = (BTreeSet::new(), BTreeSet::new());
        for key in keys {
            for answer in self.prefixes(key, except).chain(self.grouped(key, except)) {
                if answer.held.group.stance == Stance::Holds {
                    held.insert(answer);
                } else if used.len() < limit {
                    used.insert(answer);
                }
                if held.len() > limit {
                    return Err(TooMany { limit, key: shown(key) });
                }
            }
        }
        held.append(&mut used);
        Ok(held.into_iter().map(Holding::from).collect())
    }

    /// Without a round, the object keeps its own.
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

    /// Removes an object. Returns its round.
    fn take(&mut self, object: &Scope<'_>) -> Option<u32> {
        let (holder, entry) = self.objects.remove_entry(&HolderIdentity::from(object))?;
        self.count_down(holder.kind().resource());
        self.keys -= entry.keys.len();
        for held in entry.keys {
            self.segments -= held.path.len();
            self.remove_key(&held, &holder);
            self.groups.release(held.group);
        }
        self.release(holder);
        Some(entry.round)
    }

    fn remove_key(&mut self, held: &StoredKey, holder: &Holder) {
        let Some(root) = self.realms.get_mut(&held.realm) else { return };
        root.remove(&held.path, &held.group, holder);
        if root.is_empty() {
            self.realms.remove(&held.realm);
        }
    }

    /// Releases the texts that a holder shares.
    fn release(&mut self, holder: Holder) {
        let (kind, namespace) = (Arc::clone(holder.kind()), Arc::clone(holder.namespace()));
        drop(holder);
        self.kinds.release(kind);
        self.namespaces.release(namespace);
    }

    fn count_down(&mut self, resource: &str) {
        let Some(objects) = self.resources.get_mut(resource) else { return };
        *objects -= 1;
        if *objects == 0 {
            self.resources.remove(resource);
        }
    }

    fn add(&mut self, object: &Scope<'_>, keys: &BTreeSet<Key>, round: u32) {
        let kind = self.kinds.share(ResourceKind::from(object));
        *self.resources.entry(kind.resource().to_owned()).or_default() += 1;
        let holder = Holder::new(kind, self.namespaces.share(&*object.namespace), &object.name);
        self.keys += keys.len();
        let keys = keys.iter().map(|key| self.add_key(key, &holder)).collect();
        self.objects.insert(holder, ObjectEntry { keys, round });
    }

    fn add_key(&mut self, key: &Key, holder: &Holder) -> StoredKey {
        self.segments += key.path.len();
        let group = self.groups.share(Group::from(key));
        let known = self.realms.get_key_value(key.realm.as_str()).map(|(realm, _)| Arc::clone(realm));
        let realm = known.unwrap_or_else(|| key.realm.as_str().into());
        let root = self.realms.entry(Arc::clone(&realm)).or_default();
        StoredKey { realm, path: root.insert(&key.path, &group, holder), group }
    }

    /// The keys that are equal to a key or a prefix of it; of the uses, one for each path and note.
    fn prefixes<'a>(
        &'a self,
        key: &'a Key,
        except: Option<&'a Holder>,
    ) -> impl Iterator<Item = OverlappingKey<'a>> {
        let nodes = self.realms.get(key.realm.as_str()).into_iter().flat_map(|root| root.along(&key.path));
        nodes.enumerate().flat_map(move |(depth, node)| {
            let here = node.here().filter(move |holder| Some(*holder) != except);
            with_grouped_uses(here.flat_map(move |holder| self.at(key, depth, holder)))
        })
    }

    /// The keys of a holder that are the first `depth` segments of a key.
    fn at<'a>(
        &'a self,
        key: &'a Key,
        depth: usize,
        holder: &'a Holder,
    ) -> impl Iterator<Item = OverlappingKey<'a>> {
        self.of(holder)
            .iter()
            .filter(move |held| held.path.len() == depth && held.is_prefix_of(key))
            .map(move |held| OverlappingKey { held, holder, count: 1 })
    }

    /// The keys below a key, one of each group.
    fn grouped<'a>(
        &'a self,
        key: &'a Key,
        except: Option<&'a Holder>,
    ) -> impl Iterator<Item = OverlappingKey<'a>> {
        let node = self.realms.get(key.realm.as_str()).and_then(|root| root.find(&key.path));
        let groups = node.into_iter().flat_map(PathNode::below);
        groups.filter_map(move |(group, holders)| {
            let (holder, ()) = holders.iter().find(|(holder, ())| Some(*holder) != except)?;
            let count = holders.len() - usize::from(except.is_some_and(|own| holders.get(own).is_some()));
            let below = |held: &&StoredKey| *held.group == *group && held.is_below(key);
            let held = self.of(holder).iter().find(below)?;
            Some(OverlappingKey { held, holder, count })
        })
    }

    fn of(&self, holder: &Holder) -> &[StoredKey] {
        self.objects.get(holder).map_or(&[], |entry| &entry.keys)
    }
}

/// Returns the keys that objects hold, and the first use of each note with the number of uses. All keys have one path.
fn with_grouped_uses<'a>(
    keys: impl Iterator<Item = OverlappingKey<'a>>,
) -> impl Iterator<Item = OverlappingKey<'a>> {
    let (mut held, mut uses) = (Vec::new(), BTreeMap::new());
    for key in keys {
        if key.held.group.stance == Stance::Holds {
            held.push(key);
            continue;
        }
        match uses.entry(&*key.held.group) {
            Entry::Vacant(first) => drop(first.insert(key)),
            Entry::Occupied(mut first) => first.get_mut().count += 1,
        }
    }
    held.into_iter().chain(uses.into_values())
}

/// Returns a key for a message.
fn shown(key: &Key) -> String {
    let path = key.path.iter().fold(key.realm.clone(), |shown, segment| shown + "/" + segment);
    match path.char_indices().nth(SHOWN_KEY_CHARS) {
        Some((end, _)) => format!("{}…", path.get(..end).unwrap_or_default()),
        None => path,
    }
}

// === impl StoredKey ===

impl StoredKey {
    /// Whether this key is equal to another one or a prefix of it.
    fn is_prefix_of(&self, key: &Key) -> bool {
        self.path.len() <= key.path.len() && self.shares_prefix(key)
    }

    fn is_below(&self, key: &Key) -> bool {
        self.path.len() > key.path.len() && self.shares_prefix(key)
    }

    /// Whether one of both keys is equal to the other or a prefix of it.
    fn shares_prefix(&self, key: &Key) -> bool {
        let mut segments = self.path.iter().zip(&key.path);
        *self.realm == *key.realm && segments.all(|(mine, other)| **mine == **other)
    }
}

impl From<&StoredKey> for Key {
    fn from(held: &StoredKey) -> Self {
        Self {
            realm: held.realm.to_string(),
            path: held.path.iter().map(ToString::to_string).collect(),
            stance: held.group.stance,
            note: held.group.note.to_string(),
        }
    }
}

// === impl OverlappingKey ===

impl From<OverlappingKey<'_>> for Holding {
    fn from(overlap: OverlappingKey<'_>) -> Self {
        let Key { realm, path, stance, note } = overlap.held.into();
        Self {
            realm,
            path,
            stance,
            note,
            holder: overlap.holder.scope(),
            count: u32::try_from(overlap.count).unwrap_or(u32::MAX),
        }
    }
}
