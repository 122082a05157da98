//! Policies for tests: components made from a core module in text.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// A valid policy with placeholders.
const TEMPLATE: &str = include_str!("guest.wat");

/// A package that a component of a test imports.
#[derive(Clone, Copy, Debug)]
pub struct ImportedPackage<'a> {
    /// The package in WIT.
    pub wit: &'a str,
    /// The interfaces to import, e.g. `wasi:random/random@0.2.0`.
    pub interfaces: &'a [&'a str],
    /// The imports of the module.
    pub module: &'a str,
}

/// Returns a component whose `review` runs these instructions before it allows. `more` is added to the module.
pub fn component(review: &str, more: &str) -> Vec<u8> {
    component_of_contract(ordinance_contract::WIT, review, more)
}

/// Returns a component as [`component`] does, with a contract of its own in WIT.
pub fn component_of_contract(wit: &str, review: &str, more: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("policy.wit", wit).expect("the contract");
    let world = resolve.select_world(&[package], Some("policy")).expect("its world");
    encoded(&TEMPLATE.replace("(;REVIEW;)", review).replace("(;MORE;)", more), &resolve, world)
}

/// Returns a component that also imports packages.
pub fn component_with_imports(packages: &[ImportedPackage<'_>], review: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_str("policy.wit", ordinance_contract::WIT).expect("the contract");
    let (mut imports, mut text) = (String::new(), String::new());
    for package in packages {
        resolve.push_str("import.wit", package.wit).expect("a package");
        imports.extend(package.interfaces.iter().map(|interface| format!("import {interface};")));
        text += package.module;
    }
    let world = format!(
        "package test:outer; world policy {{ include ordinance:policy/policy@{}; {imports} }}",
        ordinance_contract::VERSION
    );
    let package = resolve.push_str("world.wit", &world).expect("a world");
    let world = resolve.select_world(&[package], Some("policy")).expect("its world");
    let module = TEMPLATE.replace("(;REVIEW;)", review).replacen("(module", &format!("(module {text}"), 1);
    encoded(&module, &resolve, world)
}

fn encoded(text: &str, resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let mut module = wat::parse_str(text).expect("the text is a module");
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).expect("room for a section");
    let mut encoder = ComponentEncoder::default().module(&module).expect("the module fits the world");
    encoder.encode().expect("a component")
}
