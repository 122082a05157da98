//! The real binary: its output on stdout and stderr, and its exit codes.

mod audit;
mod certs;
mod check;
mod ci;
mod cluster;
mod configuration;
mod container;
mod corpus;
mod drivers;
mod existing;
mod files;
mod fix;
mod host;
mod map;
mod memory;
mod migrate;
mod placeholders;
mod proposals;
#[cfg(unix)]
mod rendered;
mod repository;
mod review;
mod rules;
mod run;
mod serve;
#[cfg(unix)]
mod terminal;
#[cfg(unix)]
mod unusual_files;
mod usage;
mod wasi;
mod webhooks;
mod workshop_bench;
mod workshop_build;
mod workshop_hostile;
mod workshop_inspect;
mod workshop_new;
mod workshop_outputs;
mod workshop_planted;
mod workshop_replay;
mod workshop_review;
mod workshop_test;
