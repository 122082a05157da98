//! The server, met by clients over real sockets: well-behaved ones, slow ones, broken ones and hostile ones.

mod admin;
mod answers;
mod harness;
mod limits;
mod load;
mod stopping;
