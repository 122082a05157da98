//! The storage policy as a WebAssembly component.
