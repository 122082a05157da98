//! A small API server for clients that get, list and watch: pages, continue tokens, resource versions, bookmarks, and lists
//! of metadata only. It stores what clients patch, and what they create of some resources.
//!
//! It behaves like the real one unless a test scripts an answer or breaks a stream. It records the requests, so that
//! tests wait for a request and not for a time. It speaks plain HTTP on loopback and has no users.

mod body;
mod request;
mod script;
mod server;
mod store;

pub use request::{ApiRequest, Verb};
pub use script::{Gate, ScriptedAnswer};
pub use server::ApiServer;
