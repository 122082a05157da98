//! Hostile clients of a running host, and the figures of its other clients meanwhile.
//!
//! Each module plays one kind of attack and adds its figures, with their goals.

pub mod callers;
pub mod connections;
mod good_client;
mod host;
pub mod memory;
pub mod neighbours;
mod reviews;
mod silent_clients;

pub use host::HostProcess;
