//! Finds the WebAssembly feature that keeps a binary from being accepted, and where the binary uses it.

use wasmparser::{Validator, WasmFeatures};

/// The features of WebAssembly that [`config`](crate::config()) accepts. A test of `tests/load.rs` compares the two.
const ACCEPTED: WasmFeatures = WasmFeatures::WASM3
    .difference(WasmFeatures::RELAXED_SIMD)
    .difference(WasmFeatures::TAIL_CALL)
    .difference(WasmFeatures::MULTI_MEMORY)
    .difference(WasmFeatures::MEMORY64)
    .difference(WasmFeatures::GC_TYPES)
    .difference(WasmFeatures::EXCEPTIONS)
    .difference(WasmFeatures::THREADS)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Why a binary is not valid for this engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ValidationFault {
    /// The position in the binary, in bytes from its beginning.
    pub(super) offset: usize,
    /// The reason.
    pub(super) message: String,
    /// The feature that the binary uses there, e.g. `tail-call`; `None` if no feature makes it valid.
    pub(super) feature: Option<String>,
}

/// Returns the first fault of a binary, or `None` if it is valid for this engine.
pub(super) fn fault(bytes: &[u8]) -> Option<ValidationFault> {
    let (offset, message) = invalid(bytes, ACCEPTED)?;
    let feature = missing_feature(bytes, offset);
    Some(ValidationFault { offset, message, feature })
}

/// Returns the feature that gets a validation past an offset.
fn missing_feature(bytes: &[u8], offset: usize) -> Option<String> {
    let others = WasmFeatures::all().difference(ACCEPTED);
    // Without this, invalid code would be validated once per feature.
    if invalid(bytes, ACCEPTED.union(others)).is_some_and(|(next, _)| next <= offset) {
        return None;
    }
    let passes =
        |feature: WasmFeatures| invalid(bytes, ACCEPTED.union(feature)).is_none_or(|(next, _)| next > offset);
    let found = others.iter_names().find(|(_, feature)| passes(*feature));
    found.map(|(name, _)| name.to_ascii_lowercase().replace('_', "-"))
}

fn invalid(bytes: &[u8], features: WasmFeatures) -> Option<(usize, String)> {
    let error = Validator::new_with_features(features).validate_all(bytes).err()?;
    Some((error.offset(), error.message().to_owned()))
}
