//! What the index takes up for each object, by shapes of clusters: counted at the allocator.

use ordinance_contract::{Key, Scope, Stance};
use ordinance_index::Index;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What an allocation takes beside its bytes: a header, and rounding up.
const OVERHEAD: usize = 16;

const OBJECTS: usize = 20_000;

/// Bytes for an object of one key, its texts included: `docs/limits.md` tells operators.
const MOST: usize = 640;

/// Bytes for each object of an index that is made of these.
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

/// As long as a real one.
fn uid(number: usize) -> String {
    format!("pvc-{number:08x}-6393-11e8-b7cc-42010a800002")
}

/// A volume with a directory of its own, as provisioners make them.
fn provisioned(number: usize) -> (Scope<'static>, Vec<Key>) {
    let name = uid(number);
    volume(name.clone(), "nfs://nas.example.com", &["export", &format!("shop-data-{name}")])
}

/// A volume on a directory in a directory of its own.
fn nested(number: usize) -> (Scope<'static>, Vec<Key>) {
    volume(format!("pv-{number}"), "nfs://nas.example.com", &["srv", "volumes", &number.to_string(), "data"])
}

/// A volume in a tree of its own.
fn apart(number: usize) -> (Scope<'static>, Vec<Key>) {
    volume(format!("pv-{number}"), &format!("csi://disks.example.com/{number}"), &["volume"])
}

/// A claim of a set of five, in one of a hundred namespaces.
fn claim(number: usize) -> (Scope<'static>, Vec<Key>) {
    let (prefix, ordinal) = (format!("data-web-{}", number / 5), (number % 5).to_string());
    let namespace = format!("team-{}", number % 100);
    let scope = scope("persistentvolumeclaims", &namespace, format!("{prefix}-{ordinal}"));
    (scope, vec![key(&format!("claim/{namespace}"), vec![prefix, ordinal], Stance::Uses)])
}

/// One test: what others allocate at the same time would count too.
#[test]
fn an_object_takes_up_little_in_every_shape_of_cluster() {
    for (shape, bytes) in [
        ("provisioned", bytes_each(provisioned)),
        ("nested", bytes_each(nested)),
        ("apart", bytes_each(apart)),
        ("claim", bytes_each(claim)),
    ] {
        assert!(bytes < MOST, "{shape}: {bytes} bytes an object");
    }
}
