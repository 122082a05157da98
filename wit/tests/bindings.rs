//! The committed bindings of `policy/sdk` are what the generator makes of the contract.
//!
//! They are committed so that a build need not compile the generator. `BLESS=1` writes them.

use std::fs;
use std::path::Path;
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};

const HEADER: &str = "// @generated from wit/policy.wit; `BLESS=1 cargo test -p ordinance-contract --test bindings` writes this file.\n";

#[test]
fn the_bindings_of_the_sdk_are_those_of_the_contract() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/sdk/src/bindings.rs");
    let generated = format!("{HEADER}{}", generated());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &generated).expect("the bindings are written");
    }
    let committed = fs::read_to_string(&path).expect("the bindings are read");
    assert!(committed == generated, "{} is stale: run this test with BLESS=1", path.display());
}

fn generated() -> String {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("policy.wit", ordinance_contract::WIT).expect("the contract parses");
    let world = resolve.select_world(&[package], Some("policy")).expect("the contract has a world");
    let options =
        wit_bindgen_rust::Opts { format: false, pub_export_macro: true, ..wit_bindgen_rust::Opts::default() };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).expect("the contract is supported");
    let (_, text) = files.iter().next().expect("one file");
    String::from_utf8(text.to_vec()).expect("Rust is text")
}
