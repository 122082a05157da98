//! Trials of the reservation protocol: an exhaustive search of a small model, and simulations with faults at every step.
//!
//! Both drive the same state machine as the host. [`model`] lets everything happen in every order, for three requests and two
//! replicas. [`simulation`] has more of everything and virtual time, and draws what happens. Each [`Mutant`] breaks one rule of the
//! protocol, and must be caught.

pub mod model;
mod mutant;
pub mod simulation;
mod store;
pub mod trials;

pub use mutant::Mutant;
