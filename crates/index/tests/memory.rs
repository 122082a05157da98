//! The memory of the index for each object, in clusters of several shapes, counted at the allocator.

use ordinance_contract::{Key, Scope, Stance};
use ordinance_index::Index;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The cost of an allocation beside its bytes: a header, and rounding up.
const OVERHEAD: usize = 16;

const OBJECTS: usize = 20_000;

/// Bytes for an object with one key, including its texts, as in `docs/limits.md`.
const MOST: usize = 640;

/// Bytes per object of an index with these objects.
fn bytes_each(object: impl Fn(usize) -> (Scope<'static>, Vec<Key>)) -> usize {
    let region = Region::new(ALLOCATOR);
    let mut index = Index::default();
    for number in 0..OBJECTS {
        let (scope, keys) = object(number);
        index.insert(scope, keys).expect("no key is deep");
    }
    let change = region.change();
    let bytes = change.bytes_allocated.strict_add_signed(change.bytes_reallocated) - change.bytes_deallocated;
    let allocations = change.allocations - change.deallocations;
    assert_eq!(index.len(), OBJECTS);
    (bytes + OVERHEAD * allocations) / OBJECTS
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

/// A single test, because allocations of concurrent tests would be counted too.
#[test]
fn an_object_takes_less_memory_than_documented_in_every_shape_of_cluster() {
    for (shape, bytes) in [
        ("provisioned", bytes_each(provisioned)),
        ("nested", bytes_each(nested)),
        ("apart", bytes_each(apart)),
        ("claim", bytes_each(claim)),
    ] {
        assert!(bytes < MOST, "{shape}: {bytes} bytes an object");
    }
}
