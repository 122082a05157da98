//! The memory of the index for each object, in clusters of several shapes, counted at the allocator.

use ordinance_contract::{Key, Scope, Stance};
use ordinance_index::{Index, OBJECT_BYTES};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The cost of an allocation beside its bytes: a header, and rounding up.
const OVERHEAD: usize = 16;

const OBJECTS: usize = 20_000;
const HOSTILE_OBJECTS: usize = 100;

/// Bytes for an object with one key, including its texts: a tenth above those in `docs/limits.md`.
const MOST: usize = 560;

/// A shape of objects.
type Object = fn(usize) -> (Scope<'static>, Vec<Key>);

/// Memory of an index for each of these objects, counted at the allocator, and as the index reports it.
fn bytes_each(objects: usize, object: Object) -> (usize, usize) {
    let region = Region::new(ALLOCATOR);
    let index = index_of(objects, object);
    let counted = counted(&region);
    (counted / objects, index.bytes() / objects)
}

fn index_of(objects: usize, object: Object) -> Index {
    let mut index = Index::default();
    for number in 0..objects {
        let (scope, keys) = object(number);
        index.insert(&scope, &keys).expect("inserted");
    }
    assert_eq!(index.len(), objects);
    index
}

/// The memory that was allocated since a region began.
fn counted(region: &Region<'_, System>) -> usize {
    let change = region.change();
    let bytes = change.bytes_allocated - change.bytes_deallocated;
    bytes + OVERHEAD * (change.allocations - change.deallocations)
}

fn volume(name: String, realm: &str, path: &[&str]) -> (Scope<'static>, Vec<Key>) {
    let path = path.iter().map(|segment| (*segment).to_owned()).collect();
    (scope("persistentvolumes", "", name), vec![key(realm, path, Stance::Holds)])
}

fn scope(resource: &'static str, namespace: &str, name: String) -> Scope<'static> {
    Scope {
        version: "v1".to_owned().into(),
        resource: resource.to_owned().into(),
        namespace: namespace.to_owned().into(),
        name: name.into(),
        ..Scope::default()
    }
}

fn key(realm: &str, path: Vec<String>, stance: Stance) -> Key {
    Key { realm: realm.to_owned(), path, stance, note: r#"{"state":"released"}"#.to_owned() }
}

/// A name as long as that of a provisioned volume.
fn uid(number: usize) -> String {
    format!("pvc-{number:08x}-6393-11e8-b7cc-42010a800002")
}

/// A volume with its own directory, as provisioners create them.
fn provisioned(number: usize) -> (Scope<'static>, Vec<Key>) {
    let name = uid(number);
    volume(name.clone(), "nfs://nas.example.com", &["export", &format!("shop-data-{name}")])
}

/// A volume on a directory inside its own directory.
fn nested(number: usize) -> (Scope<'static>, Vec<Key>) {
    volume(format!("pv-{number}"), "nfs://nas.example.com", &["srv", "volumes", &number.to_string(), "data"])
}

/// A volume in its own realm.
fn apart(number: usize) -> (Scope<'static>, Vec<Key>) {
    volume(format!("pv-{number}"), &format!("csi://disks.example.com/{number}"), &["volume"])
}

/// A claim of a set with five replicas, in one of a hundred namespaces.
fn claim(number: usize) -> (Scope<'static>, Vec<Key>) {
    let (prefix, ordinal) = (format!("data-web-{}", number / 5), (number % 5).to_string());
    let namespace = format!("team-{}", number % 100);
    let scope = scope("persistentvolumeclaims", &namespace, format!("{prefix}-{ordinal}"));
    (scope, vec![key(&format!("claim/{namespace}"), vec![prefix, ordinal], Stance::Uses)])
}

/// A set with 150 volumes whose paths are deep.
fn deep(number: usize) -> (Scope<'static>, Vec<Key>) {
    hostile(number, 150, |key| [vec![format!("{number}-{key}")], vec!["a".to_owned(); 254]].concat())
}

/// A set with volumes whose paths part at every segment, so that no part of them is shared.
fn parting(number: usize) -> (Scope<'static>, Vec<Key>) {
    hostile(number, 150, |key| {
        [vec![number.to_string()], vec!["a".to_owned(); key % 100], vec![key.to_string()]].concat()
    })
}

/// A set with volumes of long names.
fn long(number: usize) -> (Scope<'static>, Vec<Key>) {
    hostile(number, 20, |key| vec!["d".repeat(6_000) + &number.to_string() + &key.to_string()])
}

/// A set with volumes on as many servers as fit.
fn servers(number: usize) -> (Scope<'static>, Vec<Key>) {
    let (scope, keys) = hostile(number, 25, |key| vec![key.to_string()]);
    let apart = |(at, key): (usize, Key)| Key { realm: format!("nfs://{number}.{at}.example.com"), ..key };
    (scope, keys.into_iter().enumerate().map(apart).collect())
}

/// A set that notes distinguish.
fn notes(number: usize) -> (Scope<'static>, Vec<Key>) {
    let (scope, keys) = hostile(number, 20, |key| vec![number.to_string(), "a".to_owned(), key.to_string()]);
    let noted = |(at, key): (usize, Key)| Key { note: format!("{number} {at}"), ..key };
    (scope, keys.into_iter().enumerate().map(noted).collect())
}

/// A set whose paths part at every segment, each with its own note, so that every node has an entry for each key below.
fn noted_and_parting(number: usize) -> (Scope<'static>, Vec<Key>) {
    let (scope, keys) =
        hostile(number, 22, |key| [vec![number.to_string()], vec!["a".to_owned(); key]].concat());
    let noted = |(at, key): (usize, Key)| Key { note: format!("{number} {at}"), ..key };
    (scope, keys.into_iter().enumerate().map(noted).collect())
}

fn hostile(number: usize, keys: usize, path: impl Fn(usize) -> Vec<String>) -> (Scope<'static>, Vec<Key>) {
    let scope = scope("statefulsets", "team", format!("set-{number}"));
    let key = |at| Key { note: String::new(), ..key("nfs://nas.example.com", path(at), Stance::Uses) };
    (scope, (0..keys).map(key).collect())
}

/// A single test, because allocations of concurrent tests would be counted too.
#[test]
fn an_object_takes_no_more_memory_than_the_index_reports_in_every_shape_of_cluster() {
    objects_that_are_removed_give_their_memory_back();
    let ordinary: [(&str, Object); 4] =
        [("provisioned", provisioned), ("nested", nested), ("apart", apart), ("claim", claim)];
    for (shape, object) in ordinary {
        let (counted, reported) = bytes_each(OBJECTS, object);
        assert!(counted < MOST, "{shape}: {counted} bytes an object");
        assert!(
            (counted..counted * 5 / 2).contains(&reported),
            "{shape}: {counted} bytes, {reported} reported"
        );
    }
    let hostile: [(&str, Object); 6] = [
        ("deep", deep),
        ("parting", parting),
        ("long", long),
        ("servers", servers),
        ("notes", notes),
        ("noted and parting", noted_and_parting),
    ];
    for (shape, object) in hostile {
        let (counted, reported) = bytes_each(HOSTILE_OBJECTS, object);
        assert!(counted <= reported, "{shape}: {counted} bytes, {reported} reported");
        assert!(reported < OBJECT_BYTES + MOST, "{shape}: {reported} bytes an object");
    }
}

fn objects_that_are_removed_give_their_memory_back() {
    let region = Region::new(ALLOCATOR);
    let mut index = index_of(OBJECTS, provisioned);
    let full = counted(&region);
    for number in 0..OBJECTS - OBJECTS / 100 {
        index.remove(&provisioned(number).0);
    }
    let left = counted(&region);
    assert!(left < full / 20, "{full} bytes with all objects, {left} with a hundredth of them");
}
