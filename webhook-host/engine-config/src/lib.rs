//! One configuration of the Wasm engine, for compiling ahead and for running.
