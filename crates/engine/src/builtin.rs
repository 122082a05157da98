//! The built-in policy, compiled ahead and embedded.
//!
//! The build script makes both artefacts from the crate `ordinance-policy-component`. The compiled one is machine code,
//! so it is embedded and never read from a file.

/// The policy as a WebAssembly component.
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/storage.wasm"));

/// The component compiled for the baseline of this target, with [`config`](crate::config()).
pub const COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/storage.cwasm"));

/// The version of wasmtime that compiles and runs the policy.
pub(crate) const WASMTIME: &str = env!("ORDINANCE_WASMTIME");
