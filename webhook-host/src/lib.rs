//! Keeps the replicas of a StatefulSet out of each other's files: a TLS webhook host for Wasm policies.
//!
//! Bytes become a review, a request, a verdict, an answer, and bytes again: a module an arrow.

pub mod admission;
pub mod clock;
pub mod cluster;
pub mod command;
pub mod config;
pub mod judge;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod review;
pub mod server;
pub mod units;
