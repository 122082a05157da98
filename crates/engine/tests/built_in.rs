//! Invariants of the built-in policy: it imports nothing from the host, and the host does not link it.

use ordinance_engine::{Engine, EngineLimits, Policy, PoolLimits, config};
use std::process::Command;
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Store, Trap};
use wit_component::DecodedWasm;

#[test]
fn describes_itself_as_storage() {
    let engine = Engine::new(EngineLimits::default()).expect("an engine");
    let policy = Policy::built_in(&engine, "").expect("the built-in policy");
    assert_eq!(policy.description().name, "storage");
}

#[test]
fn has_no_imports() {
    let decoded = wit_component::decode(ordinance_engine::builtin::COMPONENT).expect("a component");
    let DecodedWasm::Component(resolve, world) = decoded else { panic!("a package is no component") };
    let world = &resolve.worlds[world];
    assert_eq!(world.imports.keys().count(), 0);
    let exports: Vec<String> = world.exports.keys().map(|name| resolve.name_world_key(name)).collect();
    assert_eq!(exports, ["ordinance:policy/rules@0.3.0"]);
}

#[test]
fn traps_on_resume_without_a_review() {
    let engine = wasmtime::Engine::new(&config(&PoolLimits::default(), None).expect("a configuration"))
        .expect("an engine");
    #[expect(unsafe_code, reason = "the artefact is the one of this build")]
    let component = unsafe { Component::deserialize(&engine, ordinance_engine::builtin::COMPILED) }
        .expect("the artefact");
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(1);
    let instance = Linker::new(&engine).instantiate(&mut store, &component).expect("an instance");
    let rules =
        instance.get_export_index(&mut store, None, "ordinance:policy/rules@0.3.0").expect("the interface");
    let resume = instance.get_export_index(&mut store, Some(&rules), "resume").expect("the function");
    let resume = instance.get_func(&mut store, resume).expect("the function");
    let error = resume
        .call(&mut store, &[Val::List(Vec::new())], &mut [Val::Bool(false)])
        .expect_err("nothing to resume");
    assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
}

#[test]
fn is_not_linked_into_the_host() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "ordinance", "--edges", "no-dev", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let packages = String::from_utf8(tree.stdout).expect("text");
    let names: Vec<&str> = packages.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"ordinance-contract"));
    assert!(!names.contains(&"ordinance-policy"));
}
