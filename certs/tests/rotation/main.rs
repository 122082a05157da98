//! The rotation in simulated time: replicas with skewed clocks that are killed at any operation, and clients that get
//! bundles late.

mod executor;
mod long_runs;
mod manual;
mod replica;
mod simulation;
mod steps;
