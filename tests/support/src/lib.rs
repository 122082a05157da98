//! The test kit of the suites: a small API server, figures and their goals, sample requests, and the laws of verdicts.
//!
//! [`laws`] checks verdicts, [`corpus`] has sample requests, and [`distortion`] distorts them. [`shapes`] has reviews of
//! any size. With the feature
//! `policy`, [`input`] has a function of bytes for every parser of foreign input, which property tests and fuzz targets
//! call, and [`Native`] is the policy as a plain library. With the feature `guest`, `guest::component` makes policies from text.

pub mod apiserver;
pub mod corpus;
pub mod distortion;
pub mod figures;
#[cfg(feature = "guest")]
pub mod guest;
#[cfg(feature = "policy")]
pub mod input;
pub mod laws;
#[cfg(feature = "policy")]
mod native;
pub mod shapes;

#[cfg(feature = "policy")]
pub use native::Native;
