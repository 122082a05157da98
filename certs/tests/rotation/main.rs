//! The rotation in virtual time: replicas with clocks of their own, killed at any step, and clients that learn late.

mod asked;
mod course;
mod executor;
mod kept;
mod replica;
mod steps;
mod world;
