//! A function of bytes for every parser of foreign input: none may panic, and every law must hold.
//!
//! A function that needs several texts splits the bytes at the record separator, U+001E.

use crate::laws::lawful;
use ordinance_amend::{FieldChange, ObjectChanges};
use ordinance_case::Case;
use ordinance_contract::{Holding, Key, Operation, Phase, Request, Scope, Stance};
use ordinance_index::Index;
use ordinance_manifests::Manifest;
use ordinance_policy::{Settings, check_settings, keys, review};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Reviews a StatefulSet. The bytes are the object, its old object, and an existing one.
pub fn stateful_set(bytes: &[u8]) {
    judge(&STATEFUL_SET, bytes);
}

/// Reviews a claim. The bytes are the object, its old object, and an existing one.
pub fn claim(bytes: &[u8]) {
    judge(&CLAIM, bytes);
}

/// Reviews a PersistentVolume. The bytes are the object, its old object, and an existing one.
pub fn persistent_volume(bytes: &[u8]) {
    judge(&PERSISTENT_VOLUME, bytes);
}

/// Reviews a StorageClass. The bytes are the object, its old object, and an existing one.
pub fn storage_class(bytes: &[u8]) {
    judge(&STORAGE_CLASS, bytes);
}

/// Reviews a Scale. The bytes are the object, its old object, and an existing one.
pub fn scale(bytes: &[u8]) {
    judge(&SCALE, bytes);
}

/// Checks settings: what `check_settings` accepts can be parsed. The reverse does not hold: parsed settings may have an
/// invalid server name.
pub fn settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(check_settings(&text).is_err() || Settings::parse(&text).is_ok(), "{text}");
}

/// Parses manifests, and parses a case.
pub fn manifests(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for manifest in ordinance_manifests::read(&text, "default").into_iter().flatten() {
        assert!(serde_json::from_str::<&serde_json::value::RawValue>(&manifest.json).is_ok());
    }
    let _either = Case::parse(&text);
}

/// Adds a member to every mapping of some manifests. Amended objects have it, skipped ones are unchanged, and a second
/// run changes nothing.
pub fn amend(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let objects: Vec<Manifest> = ordinance_manifests::read(&text, "default").into_iter().flatten().collect();
    let wanted: Vec<ObjectChanges> = objects.iter().map(additions).collect();
    for (object, wanted) in objects.iter().zip(&wanted) {
        // Only panics are of interest here: an object that can't be shown is an error.
        let _ = ordinance_amend::splices(&text, object, &wanted.changes);
    }
    let Ok(amended) = ordinance_amend::amend(&text, &wanted) else { return };
    let after: Vec<Manifest> =
        ordinance_manifests::read(&amended.text, "default").into_iter().flatten().collect();
    assert_eq!(after.len(), objects.len(), "{text}");
    for (before, after) in objects.iter().zip(&after) {
        let is_left = amended.unchanged.iter().any(|left| left.start == before.bytes.start);
        assert_eq!(
            after.json.matches(ADDED).count() > before.json.matches(ADDED).count(),
            !is_left,
            "{text}"
        );
        assert!(!is_left || after.json == before.json, "{text}");
    }
    let again: Vec<ObjectChanges> = after
        .iter()
        .zip(wanted)
        .map(|(after, wanted)| ObjectChanges { start: after.bytes.start, ..wanted })
        .filter(|wanted| !amended.unchanged.iter().any(|left| left.start == wanted.start))
        .collect();
    let second = ordinance_amend::amend(&amended.text, &again).map(|second| second.text);
    assert_eq!(second.as_deref(), Ok(&*amended.text), "{text}");
}

/// The member that [`amend`] adds.
const ADDED: &str = "added by ordinance";

/// Returns the additions to an object: one for each mapping.
fn additions(object: &Manifest) -> ObjectChanges {
    let mut paths = vec![String::new()];
    if let Ok(value) = serde_json::from_str(&object.json) {
        mappings(&value, "", &mut paths);
    }
    let change =
        |path: String| FieldChange::Add { path: format!("{path}/{ADDED}"), value: json!([{"a": ADDED}]) };
    ObjectChanges { start: object.bytes.start, changes: paths.into_iter().map(change).collect() }
}

/// Collects the pointers to the mappings in a value.
fn mappings(value: &Value, pointer: &str, found: &mut Vec<String>) {
    let members = value.as_object().into_iter().flatten();
    let members = members.map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value));
    let elements = value.as_array().into_iter().flatten().enumerate();
    let elements = elements.map(|(index, value)| (index.to_string(), value));
    for (step, value) in members.chain(elements) {
        let pointer = format!("{pointer}/{step}");
        mappings(value, &pointer, found);
        if value.is_object() {
            found.push(pointer);
        }
    }
}

/// Changes an index, three bytes a step. Then it must answer like an index that was built from the remaining objects
/// alone.
pub fn index(bytes: &[u8]) {
    let mut stepped = Index::default();
    let mut left = BTreeMap::<&str, Vec<Key>>::new();
    for [what, path, rest] in bytes.as_chunks().0 {
        let keys = left.entry(name(*what)).or_default();
        match what {
            0..192 => keys.push(key(*path, *rest)),
            192.. => keys.clear(),
        }
        assert_eq!(stepped.insert(&STATEFUL_SET.scope(name(*what)), keys), Ok(()));
    }
    let mut fresh = Index::default();
    for (name, keys) in left {
        assert_eq!(fresh.insert(&STATEFUL_SET.scope(name), &keys), Ok(()));
    }
    let sizes = |index: &Index| (index.len(), index.keys(), index.bytes());
    assert_eq!(sizes(&stepped), sizes(&fresh));
    for [who, path, rest] in bytes.as_chunks().0 {
        let (keys, except) = ([key(*path, *rest)], STATEFUL_SET.scope(name(*who)));
        assert_eq!(stepped.overlaps(&keys, &except, usize::MAX), fresh.overlaps(&keys, &except, usize::MAX));
    }
}

/// Returns one of eight names.
fn name(byte: u8) -> &'static str {
    ["a", "b", "c", "d", "e", "f", "g", "h"][usize::from(byte % 8)]
}

/// Returns a key: a path of up to three segments out of four, one of two realms, one of two notes, and a stance.
fn key(path: u8, rest: u8) -> Key {
    let segments = (0..rest % 4).map(|place| ((path >> (2 * place)) & 3).to_string());
    let stances = [Stance::Holds, Stance::Uses, Stance::Looks];
    Key {
        realm: ((rest >> 2) & 1).to_string(),
        path: segments.collect(),
        stance: stances[usize::from(rest >> 4) % 3],
        note: ((rest >> 3) & 1).to_string(),
    }
}

/// A kind that the policy knows.
struct KnownKind {
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    namespace: &'static str,
    kind: &'static str,
}

const STATEFUL_SET: KnownKind = KnownKind {
    group: "apps",
    resource: "statefulsets",
    subresource: "",
    namespace: "default",
    kind: "StatefulSet",
};
const CLAIM: KnownKind = KnownKind {
    group: "",
    resource: "persistentvolumeclaims",
    subresource: "",
    namespace: "default",
    kind: "PersistentVolumeClaim",
};
const PERSISTENT_VOLUME: KnownKind = KnownKind {
    group: "",
    resource: "persistentvolumes",
    subresource: "",
    namespace: "",
    kind: "PersistentVolume",
};
const STORAGE_CLASS: KnownKind = KnownKind {
    group: "storage.k8s.io",
    resource: "storageclasses",
    subresource: "",
    namespace: "",
    kind: "StorageClass",
};
const SCALE: KnownKind = KnownKind { subresource: "scale", kind: "Scale", ..STATEFUL_SET };

// === impl KnownKind ===

impl KnownKind {
    fn scope(&self, name: &'static str) -> Scope<'static> {
        Scope {
            group: self.group.into(),
            version: "v1".into(),
            resource: self.resource.into(),
            subresource: self.subresource.into(),
            namespace: self.namespace.into(),
            name: name.into(),
        }
    }
}

fn judge(kind: &KnownKind, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split('\u{1e}');
    let object = parts.next().unwrap_or_default();
    let old = parts.next();
    let request = Request {
        operation: if old.is_some() { Operation::Update } else { Operation::Create },
        phase: Phase::Mutate,
        scope: kind.scope("web"),
        kind: kind.kind.into(),
        dry_run: false,
        user_info: "".into(),
        object: Some(object.into()),
        old_object: old.map(Into::into),
    };
    let settings = Settings::default();
    let others = parts.next().unwrap_or(object);
    let holdings = holdings(kind, keys(&kind.scope("other"), others, &settings).unwrap_or_default());
    for holdings in [&[], holdings.as_slice()] {
        let broken = lawful(&request, &|request| Ok(review(request, &settings, holdings))).err();
        assert_eq!(broken, None, "{text}");
    }
}

/// Returns what another object of the kind holds or uses.
fn holdings(kind: &KnownKind, keys: Vec<Key>) -> Vec<Holding> {
    let held = keys.into_iter().filter(|key| key.stance != Stance::Looks);
    held.map(|key| Holding {
        realm: key.realm,
        path: key.path,
        stance: key.stance,
        note: key.note,
        holder: kind.scope("other"),
        count: 1,
    })
    .collect()
}
