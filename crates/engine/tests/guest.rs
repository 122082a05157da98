//! Policies for tests: components made from a core module in text.

use ordinance_engine::{Engine, EngineLimits, LoadError, Policy, PoolLimits};
use std::io::Write;
use tempfile::NamedTempFile;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A valid policy with placeholders.
const TEMPLATE: &str = include_str!("guest.wat");

/// Returns the default limits with this number of instances.
pub fn limits(instances: u32) -> EngineLimits {
    let limits = EngineLimits::default();
    EngineLimits { pool: PoolLimits { instances, ..limits.pool }, ..limits }
}

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

/// Loads these bytes from a file.
pub fn load(engine: &Engine, bytes: &[u8]) -> Result<Policy, LoadError> {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("room on the disk");
    Policy::load(engine, file.path(), "")
}

/// Returns a policy whose `review` runs these instructions before it allows.
pub fn policy(engine: &Engine, review: &str, more: &str) -> Policy {
    load(engine, &component(review, more)).expect("a policy that can be loaded")
}
