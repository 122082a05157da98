//! Makes a component of a core module.

use wit_component::ComponentEncoder;

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
