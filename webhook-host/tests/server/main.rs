//! The server with clients over real sockets: valid, slow, broken and hostile ones.

mod answers;
mod callers;
mod harness;
mod limits;
mod load;
mod plain;
mod rest;
mod silent;
mod stopping;
