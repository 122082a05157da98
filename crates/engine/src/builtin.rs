//! The built-in policy, compiled ahead and embedded.
//!
//! The build script makes all artefacts from the crate `ordinance-policy-component`. The compiled ones are machine code,
//! so they are embedded and never read from a file.

use super::code_memory::{Artefact, Pages};

/// The policy as a WebAssembly component.
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/storage.wasm"));

/// The component compiled for the baseline of this target, with [`config`](crate::config()).
pub static COMPILED: Artefact = Artefact::new(STORAGE);

/// The same without time checks: loops and functions do not ask whether the time is up. For reviews whose size bounds their cost.
pub static COMPILED_UNCHECKED: Artefact = Artefact::new(STORAGE_UNCHECKED);

static STORAGE: &Pages<[u8]> = &Pages(*include_bytes!(concat!(env!("OUT_DIR"), "/storage.cwasm")));

static STORAGE_UNCHECKED: &Pages<[u8]> =
    &Pages(*include_bytes!(concat!(env!("OUT_DIR"), "/storage-unchecked.cwasm")));

/// The version of wasmtime that compiles and runs the policy.
pub(crate) const WASMTIME: &str = env!("ORDINANCE_WASMTIME");
