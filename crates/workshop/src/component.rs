//! Makes a component of a core module.

use ordinance_contract::WIT;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Why a core module can't become a component.
#[derive(Debug, thiserror::Error)]
#[error(
    "the module can't become a component: {0}; a policy imports nothing: no clock, no files, no network, no randomness, and nothing of JavaScript"
)]
pub struct ComponentError(String);

/// Returns the component of a core module that has the contract's types in a custom section.
pub(crate) fn component(module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let encoder = ComponentEncoder::default().validate(true).module(module);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| ComponentError(format!("{error:#}")))
}

/// Adds the contract's types to a core module that has none.
pub(crate) fn with_contract(mut module: Vec<u8>) -> Result<Vec<u8>, ComponentError> {
    let mut resolve = Resolve::default();
    resolve
        .push_str("policy.wit", WIT)
        .and_then(|package| resolve.select_world(&[package], Some("policy")))
        .and_then(|world| embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8))
        .map_err(|error| ComponentError(format!("{error:#}")))?;
    Ok(module)
}
