//! The storage policy, compiled to WebAssembly by the build script.
//!
//! A crate of its own, so that cargo compiles the policy while it compiles wasmtime, which turns it into machine code.

#![no_std]

/// The core module of `policy/component`, with the contract's types in a custom section: input for `wit-component`.
pub static MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/storage.wasm"));
