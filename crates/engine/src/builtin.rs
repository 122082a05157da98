//! The built-in policy, compiled ahead and embedded.
//!
//! The build script makes both from the crate `ordinance-policy-component`. A compiled artefact is machine code: it is
//! embedded and never read from outside.

/// The policy as a WebAssembly component.
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/storage.wasm"));

/// The same, compiled for the baseline of this target by [`config`](crate::config()).
pub const COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/storage.cwasm"));

/// The version of wasmtime that compiled it, and that runs it.
pub const WASMTIME: &str = env!("ORDINANCE_WASMTIME");
