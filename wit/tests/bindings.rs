//! The committed bindings of `policy/sdk`, and those of policies in C, are what the generators make of the contract.
//!
//! They are committed so that a build need not compile the generators. `BLESS=1` writes them.

use std::fs;
use std::path::Path;
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_bindgen_core::{Files, WorldGenerator};

const HEADER: &str = "// @generated from wit/policy.wit; `BLESS=1 cargo test -p ordinance-contract --test bindings` writes this file.\n";

#[test]
fn the_bindings_of_the_sdk_are_those_of_the_contract() {
    let options =
        wit_bindgen_rust::Opts { format: false, pub_export_macro: true, ..wit_bindgen_rust::Opts::default() };
    let files = generated(&mut options.build());
    let (_, text) = files.iter().next().expect("one file");
    check("policy/sdk/src/bindings.rs", text);
}

#[test]
fn the_bindings_for_c_are_those_of_the_contract() {
    let options = wit_bindgen_c::Opts { no_object_file: true, ..wit_bindgen_c::Opts::default() };
    let files = generated(&mut *options.build());
    let names: Vec<&str> = files.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["policy.c", "policy.h"]);
    for (name, text) in files.iter() {
        check(&format!("policy/templates/c/files/contract/{name}"), text);
    }
}

/// Compares a committed file with the generator's output, or writes it.
fn check(file: &str, text: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let generated = format!("{HEADER}{}", str::from_utf8(text).expect("code is text"));
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &generated).expect("the bindings are written");
    }
    let committed = fs::read_to_string(&path).expect("the bindings are read");
    assert!(committed == generated, "{} is stale: run this test with BLESS=1", path.display());
}

fn generated(generator: &mut dyn WorldGenerator) -> Files {
    let mut resolve = Resolve::default();
    let world = world(&mut resolve);
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files).expect("the contract is supported");
    files
}

fn world(resolve: &mut Resolve) -> WorldId {
    let package = resolve.push_str("policy.wit", ordinance_contract::WIT).expect("the contract parses");
    resolve.select_world(&[package], Some("policy")).expect("the contract has a world")
}
