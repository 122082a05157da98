//! The index in a cluster: lists and watches of a small API server, their errors, and a clock that the tests set.

mod audit;
mod audit_reports;
mod events;
#[path = "../cli/files.rs"]
#[expect(dead_code, reason = "these tests give the server no files")]
mod files;
#[path = "../server/harness.rs"]
#[expect(dead_code, reason = "these tests send only valid requests")]
mod harness;
mod lists;
mod logs;
mod objects;
mod pending;
mod replica;
mod reservations;
mod staleness;
mod watches;
