//! The index in a cluster: lists and watches of a small API server, all that can go wrong with them, and a clock that is
//! set by hand.

#[path = "../cli/files.rs"]
#[expect(dead_code, reason = "these tests give the server no files")]
mod files;
#[path = "../server/harness.rs"]
#[expect(dead_code, reason = "these tests speak to the server as it wants to be spoken to")]
mod harness;
mod lists;
mod logs;
mod objects;
mod pending;
mod scene;
mod staleness;
mod watches;
