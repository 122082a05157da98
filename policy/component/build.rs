//! Gives the component a memory that a review never has to grow: growing takes a lock of the whole process, which
//! costs two threads more than the review itself.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "a build script talks to cargo")]

/// Bytes of the linear memory at the start: room for the stack, the data, and what a review of 100 KiB allocates.
const INITIAL_MEMORY: usize = 512 * 1024;

/// Bytes of the stack within it.
const STACK: usize = 128 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-cdylib=--initial-memory={INITIAL_MEMORY}");
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK}");
    }
}
