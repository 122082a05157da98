//! The places of PersistentVolumes in `tests/data/places`, most of them examples of the drivers themselves.
//!
//! An entry has the `volume` (the spec of a PersistentVolume, and `annotations`), why it is there, and its `place`: the realm
//! and the path of the key that the volume holds. No place means that the volume is never compared; `unknown: true`, that
//! where it is cannot be known.

#![expect(clippy::disallowed_methods, reason = "the policy reads no files, its test does")]

use ordinance_contract::{Key, Operation, Phase, Request, Scope, Stance};
use ordinance_policy::{Settings, keys, review};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const PLACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/places");
const PAGE: &str = include_str!("../../docs/storage.md");

/// The rules that say that the place of a volume is unknown.
const UNKNOWN: [&str; 2] = ["unresolved-export", "unknown-driver"];

/// A volume and its place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    why: String,
    volume: Map<String, Value>,
    place: Option<String>,
    #[serde(default)]
    unknown: bool,
}

/// What the policy says of a volume.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    place: Option<String>,
    is_unknown: bool,
}

// === impl Entry ===

impl Entry {
    fn driver(&self) -> Option<&str> {
        self.volume.get("csi")?.get("driver")?.as_str()
    }

    fn expected(&self) -> Found {
        Found { place: self.place.clone(), is_unknown: self.unknown }
    }

    fn object(&self) -> String {
        let mut spec = self.volume.clone();
        let annotations = spec.remove("annotations");
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": { "name": "pv", "annotations": annotations },
            "spec": spec,
        })
        .to_string()
    }

    fn found(&self) -> Found {
        let object = self.object();
        let scope = Scope {
            version: "v1".into(),
            resource: "persistentvolumes".into(),
            name: "pv".into(),
            ..Scope::default()
        };
        let settings = Settings::default();
        let keys = keys(&scope, &object, &settings).expect("a PersistentVolume");
        let request = Request {
            operation: Operation::Create,
            phase: Phase::Validate,
            scope,
            kind: "PersistentVolume".into(),
            dry_run: false,
            user_info: "".into(),
            object: Some(object.into()),
            old_object: None,
        };
        let verdict = review(&request, &settings, &[]);
        let is_unknown = verdict.findings.iter().any(|finding| UNKNOWN.contains(&&*finding.rule));
        let held = keys.iter().find(|key| key.stance == Stance::Holds);
        Found { place: held.filter(|_| !is_unknown).map(place), is_unknown }
    }
}

fn place(key: &Key) -> String {
    format!("{}/{}", key.realm, key.path.join("/"))
}

/// Returns the entries of each file, by its name.
fn entries() -> BTreeMap<String, Vec<Entry>> {
    let files = fs::read_dir(Path::new(PLACES)).expect("tests/data/places can be read");
    let read = |file: fs::DirEntry| {
        let name = file.file_name().to_string_lossy().into_owned();
        let text = fs::read_to_string(file.path()).expect("a file");
        let entries = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, entries)
    };
    files.map(|file| read(file.expect("an entry"))).collect()
}

/// Returns the names of the drivers on the page that say where a volume is.
fn located_drivers() -> BTreeSet<&'static str> {
    let sections = PAGE.split("\n### ").filter(|section| section.contains("\n* Place:"));
    let names =
        sections.filter_map(|section| section.lines().find_map(|line| line.strip_prefix("* Names: ")));
    names.flat_map(|names| names.split(", ")).map(|name| name.trim_matches('`')).collect()
}

/// Returns whether a name is one that a pattern such as `*.cephfs.csi.ceph.com` stands for.
fn is_named(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(suffix), _) => name.ends_with(suffix),
        (_, Some(prefix)) => name.starts_with(prefix),
        _ => name == pattern,
    }
}

#[test]
fn a_volume_is_where_its_driver_mounts_it_from() {
    let mut wrong = Vec::new();
    for (file, entries) in entries() {
        for entry in entries {
            let (found, expected) = (entry.found(), entry.expected());
            if found != expected {
                let volume = Value::Object(entry.volume.clone());
                wrong.push(format!(
                    "{file}: {}\n  {volume}\n  expected {expected:?}\n     found {found:?}",
                    entry.why
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} volumes:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_driver_with_a_place_has_an_entry() {
    let entries = entries();
    let named: BTreeSet<&str> = entries.values().flatten().filter_map(Entry::driver).collect();
    let drivers = located_drivers();
    assert!(drivers.len() > 80, "{} drivers", drivers.len());
    let is_missing = |pattern: &&str| !named.iter().any(|name| is_named(pattern, name));
    assert_eq!(drivers.into_iter().filter(is_missing).collect::<Vec<_>>(), [""; 0]);
}
