//! The real binary, as people and scripts use it: what it prints, where, and how it exits.

mod certs;
mod check;
mod ci;
mod cluster;
mod configuration;
mod container;
mod corpus;
mod files;
mod fix;
mod host;
mod map;
mod review;
mod run;
mod serve;
#[cfg(unix)]
mod terminal;
mod usage;
