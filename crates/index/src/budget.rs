//! What an object costs, and its keys cut so that it costs no more than its budget.
//!
//! A cut key overlaps what the whole key overlaps, and more. That is safe: an object never holds less than it should.

use crate::path;
use crate::{OBJECT_BYTES, ObjectTooLarge, PATH_BYTES, PATH_SEGMENTS, REALM_BYTES};
use ordinance_contract::{Key, Scope, Stance};
use std::collections::{BTreeMap, BTreeSet};

// Costs in bytes, above what an allocator counts in clusters of several shapes: `tests/memory.rs` compares them.

/// An object without its texts: its entry, its holder, and the list of its keys.
const OBJECT_COST: usize = 184;
/// A key without its texts: its entry, its own node, and the node at which it leaves other keys.
const KEY_COST: usize = 272;
/// A segment: an entry of the holder in a node that other keys part at.
const SEGMENT_COST: usize = 56;

/// A key as it is stored. The order is that of [`Key`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CutKey<'a> {
    pub(crate) realm: &'a str,
    pub(crate) path: String,
    pub(crate) stance: Stance,
    pub(crate) note: &'a str,
}

/// The keys of an object that fit its budget.
#[derive(Debug)]
pub(crate) struct BudgetedKeys<'a> {
    pub(crate) keys: BTreeSet<CutKey<'a>>,
    /// The bytes that the object costs.
    pub(crate) bytes: usize,
}

/// The keys that an object uses in one realm, with at most this many segments.
#[derive(Debug)]
struct RealmUses<'a> {
    keys: BTreeSet<CutKey<'a>>,
    segments: usize,
    cost: usize,
}

// === impl CutKey ===

impl<'a> From<&'a Key> for CutKey<'a> {
    fn from(key: &'a Key) -> Self {
        let Key { realm, path, stance, note } = key;
        let realm = realm.get(..realm.floor_char_boundary(REALM_BYTES)).unwrap_or(realm);
        Self { realm, path: path::text(path, PATH_SEGMENTS, PATH_BYTES), stance: *stance, note }
    }
}

impl CutKey<'_> {
    /// Returns the bytes that the key costs. The path is in the key and in a node above it.
    fn cost(&self) -> usize {
        let texts = self.realm.len() + 2 * self.path.len() + self.note.len();
        KEY_COST + texts + SEGMENT_COST * path::depth(&self.path)
    }

    fn shorten(mut self, segments: usize) -> Self {
        let length = path::prefix(&self.path, segments).len();
        self.path.truncate(length);
        self
    }
}

// === impl BudgetedKeys ===

impl<'a> BudgetedKeys<'a> {
    /// Returns the keys of an object. If an object of a namespace uses keys that cost more than [`OBJECT_BYTES`], those of the
    /// realm that costs most are cut to half their segments, and so on. Keys that become equal are stored once.
    ///
    /// What an object holds is not cut: that would let its creator deny more to others.
    pub(crate) fn new(object: &Scope<'_>, keys: &'a [Key]) -> Result<Self, ObjectTooLarge> {
        let stored = keys.iter().filter(|key| key.stance != Stance::Looks).map(CutKey::from);
        let (held, used): (BTreeSet<_>, BTreeSet<_>) = stored.partition(|key| key.stance == Stance::Holds);
        let used = if object.namespace.is_empty() { used } else { fitting(used)? };
        let keys: BTreeSet<_> = held.into_iter().chain(used).collect();
        let texts = object.name.len() + object.namespace.len();
        let bytes = if keys.is_empty() { 0 } else { OBJECT_COST + texts + cost(&keys) };
        Ok(Self { keys, bytes })
    }
}

/// Cuts keys until they cost no more than [`OBJECT_BYTES`].
fn fitting(used: BTreeSet<CutKey<'_>>) -> Result<BTreeSet<CutKey<'_>>, ObjectTooLarge> {
    if cost(&used) <= OBJECT_BYTES {
        return Ok(used);
    }
    let least = cost(&used.iter().map(|key| key.clone().shorten(0)).collect());
    if least > OBJECT_BYTES {
        return Err(ObjectTooLarge { bytes: least, limit: OBJECT_BYTES });
    }
    let mut realms = by_realm(used);
    while realms.iter().map(|realm| realm.cost).sum::<usize>() > OBJECT_BYTES {
        let can_be_cut = realms.iter_mut().filter(|realm| realm.segments > 0);
        let Some(largest) = can_be_cut.max_by_key(|realm| realm.cost) else { break };
        largest.halve();
    }
    Ok(realms.into_iter().flat_map(|realm| realm.keys).collect())
}

/// Returns the keys of each realm. There are at most as many as have room in a budget.
fn by_realm(keys: BTreeSet<CutKey<'_>>) -> Vec<RealmUses<'_>> {
    let mut realms: BTreeMap<&str, BTreeSet<CutKey<'_>>> = BTreeMap::new();
    for key in keys {
        realms.entry(key.realm).or_default().insert(key);
    }
    let uses = |keys: BTreeSet<_>| RealmUses { segments: PATH_SEGMENTS, cost: cost(&keys), keys };
    realms.into_values().map(uses).collect()
}

fn cost(keys: &BTreeSet<CutKey<'_>>) -> usize {
    keys.iter().map(CutKey::cost).sum()
}

// === impl RealmUses ===

impl RealmUses<'_> {
    fn halve(&mut self) {
        self.segments /= 2;
        let keys = std::mem::take(&mut self.keys);
        self.keys = keys.into_iter().map(|key| key.shorten(self.segments)).collect();
        self.cost = cost(&self.keys);
    }
}
