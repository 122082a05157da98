//! A small API server for clients that list and watch: pages, continue tokens, versions, bookmarks, metadata alone.
//!
//! It does as it should until it is told otherwise: each answer of a list or a watch can be scripted, and each stream cut.
//! It says what it was asked, so that nobody has to wait for a time. Plain HTTP on loopback; it knows no users.

mod answer;
mod asked;
mod body;
mod server;
mod store;

pub use answer::{Answer, Gate};
pub use asked::{Asked, Verb};
pub use server::ApiServer;
