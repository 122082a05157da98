//! An index of the keys that objects hold or use: realm, tree of path segments, holders.
//!
//! A look-up costs the length of the path and the number of answers, independently of the size of the cluster: every
//! node lists the holders below it, grouped by stance and note. The index does not interpret keys.
//!
//! Every key and every object has a budget of bytes, see [`PATH_SEGMENTS`] and [`OBJECT_BYTES`]. A key that exceeds it is
//! cut, so that it overlaps more.

mod budget;
mod children;
mod holder;
mod node;
mod path;
mod pool;
mod realm;
pub mod reserved;
mod small_map;
mod stored_key;

use budget::{BudgetedKeys, CutKey};
use holder::{Holder, HolderIdentity, ResourceKind};
use node::{Group, PathNode};
use ordinance_contract::{Holding, Key, Scope, Stance};
use pool::Pool;
use realm::Realm;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::RandomState;
use std::sync::Arc;
use stored_key::{StoredKey, StoredKeys};

/// The segments of a path that are compared. Real file systems are not nested this deep. A longer path counts as its prefix.
pub const PATH_SEGMENTS: usize = 128;

/// The bytes of a path that are compared, with one for the end of each segment: as many as Linux allows. A longer path counts
/// as its prefix.
pub const PATH_BYTES: usize = 4096;

/// The bytes of a realm that are compared. A longer realm counts as its prefix.
pub const REALM_BYTES: usize = 1024;

/// The bytes that the keys of one object of a namespace may cost, besides those that it holds. If they cost more, their paths
/// are cut to fewer segments.
pub const OBJECT_BYTES: usize = 16 * 1024;

/// The number of characters of a key in an error.
pub const SHOWN_KEY_CHARS: usize = 200;

/// A hash table shrinks if it has room for more than this many times its entries.
const SPARE: usize = 4;

/// The keys of all objects.
///
/// A cluster may have a hundred thousand objects, so texts are shared and nodes of a single object are small.
#[derive(Debug, Default)]
pub struct Index {
    realms: HashMap<Realm, PathNode>,
    /// The entries are boxed, so that an empty slot of the table takes 17 bytes.
    objects: hashbrown::HashMap<Holder, Box<ObjectEntry>, RandomState>,
    kinds: Pool<ResourceKind>,
    namespaces: Pool<str>,
    groups: Pool<Group>,
    resources: BTreeMap<String, usize>,
    keys: usize,
    bytes: usize,
}

/// The keys of an object.
#[derive(Debug)]
struct ObjectEntry {
    keys: StoredKeys,
    /// The bytes that the object costs; `u32::MAX` also stands for more.
    bytes: u32,
    /// The last list that the object was seen in.
    round: u32,
}

/// The keys that an object of a namespace uses are in too many realms, or have too long notes, to be stored even as the roots of
/// their realms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its keys take {bytes} bytes, more than the {limit} of an object; use fewer servers, drivers or volumes"
)]
pub struct ObjectTooLarge {
    /// The bytes of the keys, cut to the roots of their realms.
    pub bytes: usize,
    /// [`OBJECT_BYTES`].
    pub limit: usize,
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
    realm: &'a str,
    path: &'a str,
    group: &'a Group,
    holder: &'a Holder,
    count: usize,
}

/// How the holders of one key are returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeldDetail {
    /// One by one.
    Each,
    /// One for each note, with the number of objects.
    Grouped,
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

    /// Returns the bytes that the objects cost: an upper bound of the memory that the index takes, kept with each change.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns whether an object holds or uses a key.
    pub fn contains(&self, object: &Scope<'_>) -> bool {
        self.objects.contains_key(&HolderIdentity::from(object))
    }

    /// Returns the bytes that an object costs, or 0 if it is not stored.
    pub fn bytes_of(&self, object: &Scope<'_>) -> usize {
        self.objects.get(&HolderIdentity::from(object)).map_or(0, |entry| entry.bytes as usize)
    }

    /// Returns the keys of an object as they are stored, sorted.
    pub fn keys_of(&self, object: &Scope<'_>) -> Vec<Key> {
        let entry = self.objects.get(&HolderIdentity::from(object));
        entry.into_iter().flat_map(|entry| entry.keys.as_slice()).map(Key::from).collect()
    }

    /// Replaces the keys of an object. Keys that it only looks at are not stored. The round of the object stays; it is
    /// 0 for a new one.
    ///
    /// # Errors
    ///
    /// If the object uses too many keys; then nothing is changed. Keys that it holds are no error.
    pub fn insert(&mut self, object: &Scope<'_>, keys: &[Key]) -> Result<(), ObjectTooLarge> {
        self.put(object, keys, None)
    }

    /// Replaces the keys of an object that was seen in a list or after it. Rounds number the lists of one resource.
    ///
    /// # Errors
    ///
    /// If the object uses too many keys; then nothing is changed. Keys that it holds are no error.
    pub fn insert_seen(
        &mut self,
        object: &Scope<'_>,
        keys: &[Key],
        round: u32,
    ) -> Result<(), ObjectTooLarge> {
        self.put(object, keys, Some(round))
    }

    /// Removes the objects of a resource that were last seen before a round, and returns them: a complete list without
    /// them shows that they no longer exist. Costs one pass over all objects.
    pub fn sweep(&mut self, group: &str, resource: &str, round: u32) -> Vec<Scope<'static>> {
        let objects = self.objects.iter();
        let gone =
            objects.filter(|(holder, entry)| entry.round < round && holder.kind().is_of(group, resource));
        let gone: Vec<Scope<'static>> = gone.map(|(holder, _)| holder.scope()).collect();
        gone.iter().for_each(|object| self.remove(object));
        gone
    }

    /// Removes an object.
    pub fn remove(&mut self, object: &Scope<'_>) {
        self.take(object);
    }

    /// Returns the bytes that an object would cost, beyond what it costs now.
    ///
    /// # Errors
    ///
    /// If the object uses too many keys.
    pub fn growth(&self, object: &Scope<'_>, keys: &[Key]) -> Result<usize, ObjectTooLarge> {
        let cost = BudgetedKeys::new(object, keys)?.bytes;
        Ok(cost.saturating_sub(self.bytes_of(object)))
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
        self.collect_overlaps(keys, except, limit, HeldDetail::Each)
    }

    /// Returns what [`overlaps`](Self::overlaps) returns. If that is too much, returns one holding for each path, stance and note,
    /// with the number of objects, also of those that hold a key. So the answer does not grow with the number of objects that hold
    /// one key.
    ///
    /// # Errors
    ///
    /// If more than `limit` paths and notes are held.
    pub fn summarized_overlaps(
        &self,
        keys: &[Key],
        except: &Scope<'_>,
        limit: usize,
    ) -> Result<Vec<Holding>, TooMany> {
        let each = self.overlaps(keys, except, limit);
        each.or_else(|_| self.collect_overlaps(keys, except, limit, HeldDetail::Grouped))
    }

    fn collect_overlaps(
        &self,
        keys: &[Key],
        except: &Scope<'_>,
        limit: usize,
        detail: HeldDetail,
    ) -> Result<Vec<Holding>, TooMany> {
        let keys = asked(keys, except);
        let is_stored = !except.name.is_empty() && except.subresource.is_empty();
        let except = is_stored.then(|| HolderIdentity::from(except));
        let except = except.and_then(|own| self.objects.get_key_value(&own)).map(|(own, _)| own);
        let (mut held, mut used) = (BTreeSet::new(), BTreeSet::new());
        for key in &keys {
            for answer in self.prefixes(key, except, detail).chain(self.below(key, except)) {
                if answer.group.stance == Stance::Holds {
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
    fn put(&mut self, object: &Scope<'_>, keys: &[Key], round: Option<u32>) -> Result<(), ObjectTooLarge> {
        let keys = BudgetedKeys::new(object, keys)?;
        let before = self.take(object);
        let round = round.or(before).unwrap_or_default();
        if !keys.keys.is_empty() {
            self.add(object, &keys, round);
        }
        Ok(())
    }

    /// Removes an object. Returns its round.
    fn take(&mut self, object: &Scope<'_>) -> Option<u32> {
        let (holder, entry) = self.objects.remove_entry(&HolderIdentity::from(object))?;
        if is_sparse(self.objects.len(), self.objects.capacity()) {
            self.objects.shrink_to(2 * self.objects.len());
        }
        self.count_down(holder.kind().resource());
        self.bytes -= entry.bytes as usize;
        let keys = entry.keys.into_vec();
        self.keys -= keys.len();
        for held in keys {
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

    fn add(&mut self, object: &Scope<'_>, keys: &BudgetedKeys<'_>, round: u32) {
        let BudgetedKeys { keys, bytes } = keys;
        let kind = self.kinds.share(ResourceKind::from(object));
        *self.resources.entry(kind.resource().to_owned()).or_default() += 1;
        let holder = Holder::new(kind, self.namespaces.share(&*object.namespace), &object.name);
        self.keys += keys.len();
        let bytes = u32::try_from(*bytes).unwrap_or(u32::MAX);
        self.bytes += bytes as usize;
        let keys = keys.iter().map(|key| self.add_key(key, &holder)).collect();
        self.objects.insert(holder, Box::new(ObjectEntry { keys, bytes, round }));
    }

    fn add_key(&mut self, key: &CutKey<'_>, holder: &Holder) -> StoredKey {
        let group = self.groups.share(Group { stance: key.stance, note: key.note.into() });
        let known = self.realms.get_key_value(key.realm).map(|(realm, _)| realm.clone());
        let realm = known.unwrap_or_else(|| key.realm.into());
        let root = self.realms.entry(realm.clone()).or_default();
        StoredKey { realm, path: root.insert(&key.path, &group, holder), group }
    }

    /// The keys that are equal to a key or a prefix of it; of the uses, one for each path and note.
    fn prefixes<'a>(
        &'a self,
        key: &'a CutKey<'_>,
        except: Option<&'a Holder>,
        detail: HeldDetail,
    ) -> impl Iterator<Item = OverlappingKey<'a>> {
        let nodes = self.realms.get(key.realm).into_iter().flat_map(|root| root.along(&key.path));
        nodes.flat_map(move |(end, node)| {
            let path = key.path.get(..end).unwrap_or_default();
            node.here().flat_map(move |(group, holders)| {
                let others =
                    holders.iter().map(|(holder, ())| holder).filter(move |one| Some(*one) != except);
                let is_each = group.stance == Stance::Holds && detail == HeldDetail::Each;
                let count = if is_each { 1 } else { node::count(holders, except) };
                let named = others.take(if is_each { usize::MAX } else { 1 });
                named.map(move |holder| OverlappingKey { realm: key.realm, path, group, holder, count })
            })
        })
    }

    /// The keys below a key, one of each group.
    fn below<'a>(
        &'a self,
        key: &'a CutKey<'_>,
        except: Option<&'a Holder>,
    ) -> impl Iterator<Item = OverlappingKey<'a>> {
        let below = self.realms.get(key.realm).map(|root| root.below(&key.path)).unwrap_or_default();
        below.groups(except).filter_map(move |(group, holder, count)| {
            let is_below = |held: &&StoredKey| *held.group == *group && held.is_below(key);
            let held = self.of(holder).iter().find(is_below)?;
            Some(OverlappingKey { realm: key.realm, path: &held.path, group, holder, count })
        })
    }

    fn of(&self, holder: &Holder) -> &[StoredKey] {
        self.objects.get(holder).map_or(&[], |entry| entry.keys.as_slice())
    }
}

/// Returns whether a hash table has so much room that it should shrink. Slots of removed entries may count as taken, so that it
/// shrinks later.
fn is_sparse(entries: usize, capacity: usize) -> bool {
    capacity > SPARE * entries
}

/// Returns the keys to look up for a request: each key, and as it would be stored if that is shorter, so that an object
/// overlaps another one if and only if the other one overlaps it.
fn asked<'a>(keys: &'a [Key], object: &Scope<'_>) -> BTreeSet<CutKey<'a>> {
    let mut asked: BTreeSet<CutKey<'a>> = keys.iter().map(CutKey::from).collect();
    if let Ok(stored) = BudgetedKeys::new(object, keys) {
        asked.extend(stored.keys);
    }
    asked
}

/// Returns a key for a message.
fn shown(key: &CutKey<'_>) -> String {
    let segments = path::segments(&key.path);
    let path = segments.iter().fold(key.realm.to_owned(), |shown, segment| shown + "/" + segment);
    match path.char_indices().nth(SHOWN_KEY_CHARS) {
        Some((end, _)) => format!("{}…", path.get(..end).unwrap_or_default()),
        None => path,
    }
}

// === impl OverlappingKey ===

impl From<OverlappingKey<'_>> for Holding {
    fn from(overlap: OverlappingKey<'_>) -> Self {
        let OverlappingKey { realm, path, group, holder, count } = overlap;
        Self {
            realm: realm.to_owned(),
            path: path::segments(path),
            stance: group.stance,
            note: group.note.to_string(),
            holder: holder.scope(),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        }
    }
}
