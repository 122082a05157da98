//! What the suites share: a small API server, figures and their goals, requests to try things on, and what must hold for
//! every verdict.
//!
//! [`laws`] judges verdicts, [`corpus`] has requests to try them on, [`distortion`] spoils them. With the feature `policy`
//! [`input`] has a function of bytes for every parser of foreign input, which property tests and fuzzers call, and
//! [`Native`] is the policy as a plain library.

pub mod apiserver;
pub mod corpus;
pub mod distortion;
pub mod figures;
#[cfg(feature = "policy")]
pub mod input;
pub mod laws;
#[cfg(feature = "policy")]
mod native;

#[cfg(feature = "policy")]
pub use native::Native;
