//! Keeps the replicas of a StatefulSet out of each other's files: a TLS webhook host for Wasm policies.
//!
//! A request is handled in layers: bytes, review, request, verdict, answer, bytes. Modules depend on each other in one
//! direction only: `command` on `allocator`, `config`, `server`, `cluster` and `audit`; these on `admission`, `events`, `judge`, `reservations` and
//! `review`, and `cluster` also on `audit`; and all of them on `limits`, `metrics`, `clock` and `units`.

pub mod admission;
mod allocator;
pub mod audit;
pub mod clock;
pub mod cluster;
pub mod command;
pub mod config;
pub mod events;
pub mod judge;
pub mod limits;
pub mod logs;
pub mod memory;
pub mod metrics;
pub mod recording;
pub mod reservations;
pub mod review;
pub mod server;
pub mod units;
