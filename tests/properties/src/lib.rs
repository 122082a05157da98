//! What must hold for every verdict and every input.
//!
//! [`laws`] judges verdicts, [`corpus`] has requests to try them on, [`distortion`] spoils them, [`input`] has a function of bytes for every parser of
//! foreign input: property tests call them here, fuzzers in `fuzz/`. [`Native`] is the policy as a plain library.

pub mod corpus;
pub mod distortion;
pub mod input;
pub mod laws;
mod native;

pub use native::Native;
