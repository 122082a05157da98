//! Policies for tests: components made from a core module in text.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A valid policy with placeholders.
const TEMPLATE: &str = include_str!("guest.wat");

/// Returns a component whose `review` runs these instructions before it allows. `more` is added to the module.
pub fn component(review: &str, more: &str) -> Vec<u8> {
    let text = TEMPLATE.replace("(;REVIEW;)", review).replace("(;MORE;)", more);
    let mut module = wat::parse_str(text).expect("the text is a module");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("policy.wit", ordinance_contract::WIT).expect("the contract");
    let world = resolve.select_world(&[package], Some("policy")).expect("its world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("room for a section");
    let mut encoder = ComponentEncoder::default().module(&module).expect("the module fits the world");
    encoder.encode().expect("a component")
}
